// The window of rm.events: daily partitions made for the days that arrive and dropped as the workspace clock moves on.
import type { ClientBase } from 'pg';
import type { LogLine } from './runner.ts';

export const DEFAULT_WINDOW_DAYS = 90;
/** Dropped together: each drop locks readers out for a moment, and each takes several locks. */
const DROP_AT_ONCE = 32;

const partitionOf = (day: number): string => `events_${day < 0 ? `m${-day}` : `d${day}`}`;

export class EventWindow {
  readonly days: number;
  #partitions = new Set<number>();

  constructor(days: number) {
    this.days = days;
  }

  /** Reads which partitions there are; after every connection, since a failed transaction takes its partitions back. */
  async load(client: ClientBase): Promise<void> {
    const { rows } = await client.query<{ name: string }>(
      `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'rm.events'::regclass`,
    );
    this.#partitions = new Set(
      rows.map(({ name }) => Number(name.replace(/^events_[dm]/, name[7] === 'm' ? '-' : ''))),
    );
  }

  /** First day the window holds when the clock stands on `clockDay`. */
  startFor(clockDay: number): number {
    return clockDay - this.days + 1;
  }

  /** Makes what is missing, within the caller's transaction. Attaching, unlike creating in place, does not lock readers out. */
  async ensure(client: ClientBase, days: Iterable<number>): Promise<void> {
    for (const day of days) {
      if (this.#partitions.has(day)) continue;
      const name = partitionOf(day);
      await client.query(
        `create table rm.${name} (like rm.events including defaults);
         alter table rm.events attach partition rm.${name} for values from (${day}) to (${day + 1})`,
      );
      this.#partitions.add(day);
    }
  }

  expired(start: number): number {
    let count = 0;
    for (const day of this.#partitions) if (day < start) count++;
    return count;
  }

  /** Drops some expired partitions; readers that are in the way for a second are left alone until the next time. */
  async dropExpired(client: ClientBase, start: number, log: LogLine): Promise<void> {
    const days = [...this.#partitions].filter((day) => day < start).slice(0, DROP_AT_ONCE);
    if (days.length === 0) return;
    try {
      await client.query(
        `begin; set local lock_timeout = '1s'; drop table ${days.map((day) => `rm.${partitionOf(day)}`).join(', ')}; commit`,
      );
      for (const day of days) this.#partitions.delete(day);
    } catch (error) {
      await client.query('rollback');
      // 55P03: lock not available (PostgreSQL, appendix A).
      if ((error as { code?: string }).code !== '55P03') throw error;
      log('info', { partitions: days.length }, 'expired event partitions are being read, dropped later');
    }
  }
}
