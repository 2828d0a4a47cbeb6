// Customers on NestJS (Fastify), TypeORM and pg: read, list, create, with the same effects as ours.
//
// Run by benchmarks/masterdata.py with the packages in .local/peers/nest. Reads requests as a line of JSON,
// sends them through the whole of Nest with Fastify's inject, and answers the seconds that they took.
'use strict';
require('reflect-metadata');
const { randomUUID, createPublicKey } = require('node:crypto');
const readline = require('node:readline');
const common = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { FastifyAdapter } = require('@nestjs/platform-fastify');
const jsonwebtoken = require('jsonwebtoken');
const { DataSource, EntitySchema, IsNull } = require('typeorm');

const settings = JSON.parse(process.argv[2]);
const keys = new Map(settings.keys.map((key) => [key.kid, createPublicKey({ key, format: 'jwk' })]));

const { aud: audience } = jsonwebtoken.decode(settings.token);

const uuid = { type: 'uuid' };
const text = { type: 'text' };
const optional = { type: 'text', nullable: true };
const json = { type: 'jsonb' };
const moment = { type: 'timestamptz' };
const Customer = new EntitySchema({
  name: 'Customer', tableName: 'customers', schema: 'masterdata',
  columns: {
    id: { ...uuid, primary: true }, tenant_id: uuid, code: text, name: text, tax_id: optional, iban: optional,
    addresses: json, contacts: json, currency: optional, payment_terms_days: { type: 'int', nullable: true },
    credit_limit: { type: 'numeric', nullable: true }, attributes: json, version: { type: 'bigint' },
    created_at: moment, created_by: text, updated_at: moment, updated_by: text,
    archived_at: { ...moment, nullable: true }, search: { ...text, select: false },
    match_keys: { type: 'text', array: true, select: false },
  },
});
const Event = new EntitySchema({
  name: 'Event', tableName: 'event_store', schema: 'masterdata',
  columns: {
    tenant_id: { ...uuid, primary: true }, stream: { ...text, primary: true }, version: { type: 'bigint', primary: true },
    id: uuid, type: text, data: json, actor: text, correlation_id: text, occurred_at: moment,
  },
});
const source = new DataSource({ type: 'postgres', ...settings.database, entities: [Customer, Event], poolSize: 1 });

class Customers {
  // A request's transaction: its token verified, its session looked up, its tenant set.
  async within(request, act) {
    const token = request.headers.authorization.slice('Bearer '.length);
    const { kid } = jsonwebtoken.decode(token, { complete: true }).header;
    const claims = jsonwebtoken.verify(token, keys.get(kid), {
      algorithms: ['ES256'], audience,
    });
    return source.transaction(async (manager) => {
      const enter = 'select live from platform.enter($1, $2, $3, $4)';
      const [{ live }] = await manager.query(enter, [claims.tid, claims.sid, claims.sub, claims.ver ?? 0]);
      if (!live) throw new common.UnauthorizedException();
      return act(manager, claims);
    });
  }

  read(id, request) {
    return this.within(request, async (manager, claims) => {
      const found = await manager.findOneBy(Customer, { tenant_id: claims.tid, id });
      if (!found) throw new common.NotFoundException();
      return found;
    });
  }

  list(limit, request) {
    return this.within(request, async (manager, claims) => {
      const take = Number(limit ?? 50);
      const where = { tenant_id: claims.tid, archived_at: IsNull() };
      const rows = await manager.find(Customer, { where, order: { code: 'ASC' }, take: take + 1 });
      return { items: rows.slice(0, take), next: rows.length > take ? rows[take - 1].code : null };
    });
  }

  create(body, request) {
    return this.within(request, async (manager, claims) => {
      const now = new Date();
      const actor = `user:${claims.sub}`;
      const given = { addresses: [], contacts: [], attributes: {}, ...body };
      const made = {
        ...given, id: randomUUID(), tenant_id: claims.tid, version: 1, created_at: now, created_by: actor,
        updated_at: now, updated_by: actor, search: ` ${body.code} ${body.name} `.toLowerCase(), match_keys: [],
      };
      await manager.insert(Customer, made);
      const id = randomUUID();
      const stream = `customer:${made.id}`;
      const type = 'masterdata.customer.created';
      await manager.insert(Event, {
        tenant_id: claims.tid, stream, version: 1, id, type, data: made, actor, correlation_id: '', occurred_at: now,
      });
      await manager.query(
        'insert into platform.outbox (id, shard, topic, key, payload, headers) values ($1, $2, $3, $4, $5, $6)',
        [id, 0, type, stream, JSON.stringify(made), {}],
      );
      return made;
    });
  }
}

// What TypeScript's decorators would do.
const on = (name, decorate, ...parameters) => {
  decorate(Customers.prototype, name, Object.getOwnPropertyDescriptor(Customers.prototype, name));
  parameters.forEach((parameter, place) => parameter(Customers.prototype, name, place));
};
common.Controller('customers')(Customers);
on('read', common.Get(':id'), common.Param('id'), common.Req());
on('list', common.Get(), common.Query('limit'), common.Req());
on('create', common.Post(), common.Body(), common.Req());
class Application {}
common.Module({ controllers: [Customers] })(Application);

async function main() {
  await source.initialize();
  const app = await NestFactory.create(Application, new FastifyAdapter(), { logger: false });
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  console.log(JSON.stringify({ ready: true }));
  const headers = { authorization: `Bearer ${settings.token}` };
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const requests = JSON.parse(line);
    const started = process.hrtime.bigint();
    let last;
    for (const [method, path, query, payload] of requests) {
      last = await app.inject({ method, url: query ? `${path}?${query}` : path, payload: payload ?? undefined, headers });
      if (last.statusCode >= 300) throw new Error(`${last.statusCode}: ${last.payload}`);
    }
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    console.log(JSON.stringify({ seconds, last: JSON.parse(last.payload) }));
  }
  await app.close();
  await source.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
