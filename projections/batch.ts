// What one transaction of the events projection holds: encoded rows and facts of consecutive log messages, kept until they are committed.
import type { ClientBase } from 'pg';
import { EVENT_TYPES } from '#domain/envelope.ts';
import type { LogMessage, PackView } from '#streams/pack.ts';
import { noteApplied, Tally } from './applied.ts';
import { ORDER, REFUND } from './catalogue.ts';
import { CopyBuffer, copyInto } from './copy-binary.ts';
import { applyDeployments, type Deployed } from './deployments.ts';
import { type Erasure, forget, storeErasures } from './erasures.ts';
import * as events from './events.ts';
import { type Link, moveLinked, storeLinks } from './links.ts';
import { dayOfEvent, type Zone, ZoneChanged } from './memory/ledger.ts';
import type { Place } from './memory/parked-lists.ts';
import * as observations from './observations.ts';
import { notePlaces } from './parked-places.ts';
import * as transactions from './transactions.ts';
import type { EventWindow } from './window.ts';
import { advanceMeta, type MetaChange } from './workspace.ts';

const ORDER_CODE = EVENT_TYPES.indexOf('order.placed') + 1;
const REFUND_CODE = EVENT_TYPES.indexOf('order.refunded') + 1;

/** Staging tables of a connection. */
export const stagingTables = [transactions.stageTable, events.stageTable, observations.stageTable];

export class Batch {
  /** Days of earlier versions are computed anew with it; null: as they were stamped. Set while the batch is empty. */
  zone: Zone | null = null;
  #transactions = new CopyBuffer(1 << 21);
  #events = new CopyBuffer();
  #observations = new CopyBuffer(1 << 12);
  #eventDays = new Set<number>();
  #links: Link[] = [];
  #erasures: Erasure[] = [];
  #deployments: { seq: number; fact: Deployed }[] = [];
  #parked: Place[] = [];
  #tally = new Tally();
  #meta: MetaChange = { clockAt: null, clockDay: null };
  /** False: its messages were counted when they first came by. */
  counted = true;
  /** Position of the last message in it; 0 = nothing in it. */
  seq = 0;
  /** Events in it, not only those that make a row. */
  count = 0;
  /** Days before it cannot be in the window any more; a hint that saves staging them. */
  windowStart = Number.NEGATIVE_INFINITY;

  get empty(): boolean {
    return this.seq === 0;
  }

  /** @param taken which events of the pack; without it all of them. */
  add(seq: number, message: LogMessage, taken?: (index: number) => boolean): void {
    if (message.kind === 'pack') this.#addPack(seq, message.pack, taken);
    else {
      const { fact } = message;
      switch (fact.type) {
        case 'customer.linked':
          this.#links.push({ anonymous: fact.anonymous, known: fact.known, seq });
          break;
        case 'customer.erased':
          this.#erasures.push({ sids: fact.sids, seq });
          break;
        case 'model.deployed':
        case 'model.canaried':
          this.#deployments.push({ seq, fact });
          break;
        case 'workspace.created':
          this.#meta.workspaceId = fact.workspaceId;
          this.#meta.reportingCurrency = fact.reportingCurrency;
          break;
        case 'currency.set':
          this.#meta.reportingCurrency = fact.reportingCurrency;
          break;
        case 'clock.set':
          this.#meta.clockMode = fact.mode;
          break;
        case 'ledger.rezoned':
          if (fact.version > (this.zone?.version ?? 0))
            throw new ZoneChanged(seq, { version: fact.version, offsets: fact.offsets });
          break;
        case 'zone.set':
        case 'dead-letters.replayed':
        case 'fx.rates.set':
        case 'import.started':
        case 'import.finished':
        case 'source.covered':
          // Days arrive computed, money per currency; the state they change comes from the fold thread (customers.ts).
          break;
      }
    }
    this.seq = seq;
  }

  /** The ledger has parked these: they are left out, and their places are committed instead. A whole message: index −1. */
  park(seq: number, places: readonly Place[]): void {
    this.#parked.push(...places);
    this.seq = seq;
  }

  #addPack(seq: number, pack: PackView, taken?: (index: number) => boolean): void {
    const { count } = pack;
    this.#tally.add(pack);
    let { clockAt, clockDay } = this.#meta;
    for (let row = 0; row < count; row++) {
      if (taken !== undefined && !taken(row)) continue;
      const code = pack.typeCode(row);
      const at = pack.at(row);
      const day = dayOfEvent(pack, row, at, this.zone ?? undefined);
      if (clockAt === null || at > clockAt) clockAt = at;
      if (clockDay === null || day > clockDay) clockDay = day;
      if (code === ORDER_CODE) transactions.encodeTransaction(this.#transactions, pack, row, seq, ORDER, day);
      else if (code === REFUND_CODE) transactions.encodeTransaction(this.#transactions, pack, row, seq, REFUND, day);
      else {
        if (day >= this.windowStart) {
          events.encodeEvent(this.#events, pack, row, seq, day);
          this.#eventDays.add(day);
        }
        if (observations.OBSERVATION_TYPES.has(code))
          observations.encodeObservation(this.#observations, pack, row, seq);
      }
    }
    this.#meta.clockAt = clockAt;
    this.#meta.clockDay = clockDay;
    this.count += count;
  }

  /**
   * Its rows, into staging tables, in the caller's transaction: the first half of `write`.
   * @param filling the tables have no indexes yet (filling.ts): rows are put in as they are, and joined at the end.
   */
  async stage(client: ClientBase, filling = false): Promise<void> {
    const target = filling ? `rm.transactions (${transactions.COLUMNS})` : transactions.STAGE;
    await copyInto(client, target, this.#transactions);
    await copyInto(client, events.STAGE, this.#events);
    await copyInto(client, observations.STAGE, this.#observations);
  }

  /**
   * Everything in it, in the transaction that has staged it; may be called again after a failure. Links come first and erasures last whatever
   * their place in between: rows merge the same before and after a link.
   * @returns first day of the window from now on.
   */
  async write(client: ClientBase, window: EventWindow, now: number, filling = false): Promise<number> {
    const windowStart = await advanceMeta(client, this.#meta, window, now);
    const moving = await storeLinks(client, this.#links);
    if (!filling) await moveLinked(client, moving);
    if (this.#transactions.rows > 0 && !filling) await transactions.mergeStagedTransactions(client);
    if (this.#events.rows > 0) {
      await window.ensure(
        client,
        [...this.#eventDays].filter((day) => day >= windowStart).sort((a, b) => a - b),
      );
      await events.mergeStagedEvents(client, windowStart);
    }
    if (this.#observations.rows > 0) await observations.mergeStagedObservations(client);
    await applyDeployments(client, this.#deployments);
    const erased = await storeErasures(client, this.#erasures, this.#links);
    if (!filling) await forget(client, erased);
    await notePlaces(client, this.#parked);
    if (this.counted) await noteApplied(client, this.#tally);
    return windowStart;
  }

  clear(): void {
    this.#transactions.clear();
    this.#events.clear();
    this.#observations.clear();
    this.#eventDays.clear();
    this.#links = [];
    this.#erasures = [];
    this.#deployments = [];
    this.#parked = [];
    this.#tally.clear();
    this.#meta = { clockAt: null, clockDay: null };
    this.seq = 0;
    this.count = 0;
  }
}
