// Counters and timings in Prometheus' text format, on a loopback port of their own. Labels are closed sets: method, route template, status
// class. Never an id. The histogram has an exact 0.05 s bucket because the promise is "95 % of predictions under 50 ms".
import { Hono } from 'hono';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export interface RequestTimer {
  /** @param seconds from the first byte of the request to the end of the answer's making. */
  observe(status: number, seconds: number): void;
}

export function createMetrics(options: { version: string; runtime?: boolean }) {
  const registry = new Registry();
  if (options.runtime) collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from request to answer, by route template.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  const predictions = new Counter({
    name: 'axiom47_predictions_total',
    help: 'Predictions answered, by kind and by what they rest on.',
    labelNames: ['kind', 'basis'] as const,
    registers: [registry],
  });
  const refusals = new Counter({
    name: 'axiom47_http_refusals_total',
    help: 'Requests refused, by reason.',
    labelNames: ['reason'] as const,
    registers: [registry],
  });
  const streams = new Gauge({ name: 'axiom47_live_streams', help: 'Open SSE streams.', registers: [registry] });
  new Gauge({
    name: 'axiom47_build_info',
    help: 'Always 1; the version is the label.',
    labelNames: ['version'] as const,
    registers: [registry],
  }).set({ version: options.version }, 1);

  return {
    registry,
    streams,
    refused: (reason: string): void => refusals.inc({ reason }),
    /** A counter of one kind, looked up once. */
    predicted(kind: 'churn' | 'clv', basis: string): { inc(by?: number): void } {
      return predictions.labels({ kind, basis });
    },
    /** The timer of one route, looked up once: labels are resolved per status, not per request. */
    route(method: string, template: string): RequestTimer {
      const byStatus = new Map<number, { observe(value: number): void }>();
      return {
        observe(status, seconds) {
          let child = byStatus.get(status);
          if (!child) {
            child = requests.labels({ method, route: template, status: String(status) });
            byStatus.set(status, child);
          }
          child.observe(seconds);
        },
      };
    },
    /** A gauge read at scrape time (lag, positions, customers …). */
    gauge(name: string, help: string, read: () => number | Promise<number>): void {
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          this.set(await read());
        },
      });
    },
  };
}
export type Metrics = ReturnType<typeof createMetrics>;

/** Served on a port of its own, bound to loopback: scraping needs no credential, and nobody outside reaches it. */
export function createMetricsApp(metrics: Metrics): Hono {
  return new Hono().get('/metrics', async (c) =>
    c.body(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType }),
  );
}
