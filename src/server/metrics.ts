/** Metrics: figures for Prometheus. Labels are operation names and codes from closed lists, never names of things. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export interface Metrics {
  request(operation: string, status: number, seconds: number): void;
  /** Handshakes refused, limits hit: `reason` from a closed list. */
  refused(reason: "certificate" | "rate" | "connections" | "tls"): void;
  bundle(): void;
  /** One node pushed to; `outcome` is `delivered`, `unchanged`, `cleared`, `nothing` or the code of an error. */
  push(outcome: string): void;
  text(): Promise<string>;
}

/** What is read when Prometheus asks. */
export interface Gauges {
  watchers(): number;
  connections(): number;
  /** Nodes to which the last push failed. */
  pushesDown(): number;
  unsealed(): boolean;
}

export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const seconds = new Histogram({
    name: "keyward_request_seconds",
    help: "Time to answer a request",
    labelNames: ["operation", "status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const refused = new Counter({
    name: "keyward_refused_total",
    help: "Connections and requests refused before they reached an operation",
    labelNames: ["reason"],
    registers,
  });
  const bundles = new Counter({
    name: "keyward_bundles_total",
    help: "Bundles sent to watching nodes",
    registers,
  });
  addGauge("keyward_watchers", "Nodes that watch now", gauges.watchers, registers);
  addGauge("keyward_connections", "Open connections", gauges.connections, registers);
  const pushes = new Counter({
    name: "keyward_pushes_total",
    help: "Nodes pushed to by SSH, by what came of it",
    labelNames: ["outcome"],
    registers,
  });
  addGauge("keyward_push_nodes_down", "Nodes to which the last push failed", gauges.pushesDown, registers);
  addGauge(
    "keyward_unsealed",
    "1 when the root key is in memory",
    () => Number(gauges.unsealed()),
    registers,
  );
  return {
    request: (operation, status, took) => seconds.observe({ operation, status }, took),
    refused: (reason) => refused.inc({ reason }),
    bundle: () => bundles.inc(),
    push: (outcome) => pushes.inc({ outcome }),
    text: () => registry.metrics(),
  };
}

function addGauge(name: string, help: string, read: () => number, registers: Registry[]): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}
