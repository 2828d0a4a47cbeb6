import static org.drools.model.DSL.declarationOf;
import static org.drools.model.DSL.on;
import static org.drools.model.PatternDSL.alphaIndexedBy;
import static org.drools.model.PatternDSL.pattern;
import static org.drools.model.PatternDSL.reactOn;
import static org.drools.model.PatternDSL.rule;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.drools.model.Index.ConstraintType;
import org.drools.model.Variable;
import org.drools.model.impl.ModelImpl;
import org.drools.modelcompiler.KieBaseBuilder;
import org.kie.api.KieBase;
import org.kie.api.runtime.KieSession;
import org.kie.api.runtime.rule.FactHandle;

/**
 * Drools on the rules and facts of standard input, as an executable model with indexed constraints.
 *
 * <p>Input, tab-separated: the seconds that a figure may take; then {@code rule country amount segments rate} or
 * {@code fact country amount segment} a line. Output: microseconds per evaluation, seconds and megabytes to
 * compile.
 */
public class Drools {
  public static class Order {
    private final String country;
    private final int amount;
    private final String segment;

    Order(String country, int amount, String segment) {
      this.country = country;
      this.amount = amount;
      this.segment = segment;
    }

    public String getCountry() {
      return country;
    }

    public int getAmount() {
      return amount;
    }

    public String getSegment() {
      return segment;
    }
  }

  private static List<Map<String, Object>> found = new ArrayList<>();

  public static void main(String[] arguments) throws Exception {
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
    double patience = Double.parseDouble(input.readLine());
    List<String[]> rules = new ArrayList<>();
    List<Order> facts = new ArrayList<>();
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] cells = line.split("\t");
      if (cells[0].equals("rule")) {
        rules.add(cells);
      } else {
        facts.add(new Order(cells[1], Integer.parseInt(cells[2]), cells[3]));
      }
    }
    compiled(rules.subList(0, 10)).dispose();
    double before = megabytes();
    long start = System.nanoTime();
    KieSession session = compiled(rules);
    evaluate(session, facts.get(0));
    double seconds = (System.nanoTime() - start) / 1e9;
    double size = megabytes() - before;
    System.out.println(microseconds(session, facts, patience) + " " + seconds + " " + size);
  }

  private static KieSession compiled(List<String[]> rules) {
    ModelImpl model = new ModelImpl();
    Variable<Order> order = declarationOf(Order.class);
    for (int i = 0; i < rules.size(); i++) {
      String[] cells = rules.get(i);
      String country = cells[1];
      int amount = Integer.parseInt(cells[2]);
      Set<String> segments = Set.copyOf(Arrays.asList(cells[3].split(",")));
      int number = i;
      int rate = Integer.parseInt(cells[4]);
      model.addRule(
          rule("r" + i)
              .build(
                  pattern(order)
                      .expr(
                          "country == " + country,
                          each -> each.getCountry().equals(country),
                          alphaIndexedBy(String.class, ConstraintType.EQUAL, 0, Order::getCountry, country),
                          reactOn("country"))
                      .expr(
                          "amount > " + amount,
                          each -> each.getAmount() > amount,
                          alphaIndexedBy(
                              Integer.class, ConstraintType.GREATER_THAN, 1, Order::getAmount, amount),
                          reactOn("amount"))
                      .expr(
                          "segment in " + cells[3],
                          each -> segments.contains(each.getSegment()),
                          reactOn("segment")),
                  on(order).execute(each -> found.add(Map.of("rule", number, "rate", rate)))));
    }
    KieBase base = KieBaseBuilder.createKieBaseFromModel(model);
    return base.newKieSession();
  }

  private static Object evaluate(KieSession session, Order order) {
    found = new ArrayList<>();
    FactHandle handle = session.insert(order);
    session.fireAllRules();
    session.delete(handle);
    return found;
  }

  /** The mean over the facts, each block of 50 at its best of as many rounds as patience allows. */
  private static double microseconds(KieSession session, List<Order> facts, double patience) {
    int blocks = (facts.size() + 49) / 50;
    double[] best = new double[blocks];
    Arrays.fill(best, Double.POSITIVE_INFINITY);
    long end = System.nanoTime() + (long) (patience * 1e9);
    do {
      for (int block = 0; block < blocks; block++) {
        List<Order> some = facts.subList(block * 50, Math.min(facts.size(), block * 50 + 50));
        long start = System.nanoTime();
        for (Order order : some) {
          evaluate(session, order);
        }
        best[block] = Math.min(best[block], System.nanoTime() - start);
      }
    } while (System.nanoTime() < end);
    return Arrays.stream(best).sum() / facts.size() / 1e3;
  }

  private static double megabytes() {
    System.gc();
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return (runtime.totalMemory() - runtime.freeMemory()) / 1048576.0;
  }
}
