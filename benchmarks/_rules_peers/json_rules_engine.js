// json-rules-engine on the rules and facts of standard input, as JSON: {rules, facts, patience}.
// Prints microseconds per evaluation, seconds and megabytes to compile. The argument is its node_modules.
const { Engine } = require(require('path').join(process.argv[2], 'json-rules-engine'))
const { performance } = require('perf_hooks')
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const BLOCK = 50

function compile (rules) {
  const engine = new Engine([], { allowUndefinedFacts: true })
  rules.forEach((rule, i) => engine.addRule({
    conditions: {
      all: [
        { fact: 'country', operator: 'equal', value: rule.country },
        { fact: 'amount', operator: 'greaterThan', value: rule.amount },
        { fact: 'segment', operator: 'in', value: rule.segments }
      ]
    },
    event: { type: 'hit', params: { rule: i, rate: rule.rate } }
  }))
  return engine
}

function megabytes () {
  global.gc()
  return process.memoryUsage().heapUsed / 2 ** 20
}

// The mean over the facts, each block of them at its best of as many rounds as patience allows.
async function microseconds (engine) {
  const begun = performance.now()
  await engine.run(given.facts[0])
  const once = performance.now() - begun
  const count = Math.max(3, Math.min(given.facts.length, Math.floor(given.patience * 200 / once)))
  const chosen = given.facts.slice(0, count)
  const best = Array(Math.ceil(chosen.length / BLOCK)).fill(Infinity)
  const end = performance.now() + given.patience * 1000
  let last = 0
  do {
    const round = performance.now()
    for (let block = 0; block < best.length; block++) {
      const start = performance.now()
      for (const facts of chosen.slice(block * BLOCK, block * BLOCK + BLOCK)) await engine.run(facts)
      best[block] = Math.min(best[block], performance.now() - start)
    }
    last = performance.now() - round
  } while (performance.now() + last < end)
  return best.reduce((sum, each) => sum + each, 0) / chosen.length * 1000
}

async function main () {
  compile(given.rules.slice(0, 10))
  const before = megabytes()
  const start = performance.now()
  const engine = compile(given.rules)
  const seconds = (performance.now() - start) / 1000
  const size = megabytes() - before
  console.log(await microseconds(engine), seconds, size)
}

main().catch(error => { console.error(error.message); process.exit(1) })
