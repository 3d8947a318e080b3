// What the facts for all customers have set: reporting currency and rates, clock, zone, models in force.
import type { ChurnDefinition } from '#domain/churn-definition.ts';
import type { Fact } from '#domain/envelope.ts';
import { createRates, type Rates } from '#domain/rates.ts';
import { type Offsets, UTC } from '#domain/time.ts';

export interface Deployment {
  seq: number;
  ctlSequence: number;
  kind: string;
  model: string;
  version: number;
  digest: string;
  at: number;
  /** Of the customers: 100 = deployed, it answers everybody; less = a canary beside the one deployed before; 0 = the canary ended here. */
  percent: number;
}

export interface WorkspaceFacts {
  workspaceId: string | null;
  name: string | null;
  reportingCurrency: string;
  clock: 'log' | 'wall';
  zone: string;
  zoneVersion: number;
  offsets: Offsets;
  /** Every zone there was, oldest first, by the position from which new events were stamped with it. */
  zones: { seq: number; version: number; zone: string; offsets: Offsets }[];
  /** Version of the zone that all earlier days were computed anew with; 0 = days are as they were stamped. */
  rezoned: number;
  rates: [number, Record<string, string>][];
  /** Every definition of churn that was ever in force, by position: a past moment finds its own. */
  churn: ChurnInForce[];
  /** Facts that could not be applied, with the reason; nothing else stops at them. */
  problems: { seq: number; type: string; reason: string }[];
}

export interface ChurnInForce {
  seq: number;
  ctlSequence: number;
  definition: ChurnDefinition;
}

/** Which columns a fact has made stale. */
export type Stale = 'none' | 'foreign-money' | 'all';

export class Workspace {
  facts: WorkspaceFacts;
  deployments: Deployment[] = [];
  rates: Rates;
  /** Position of the last fact that set rates or their currency; 0 for none. */
  ratesAt = 0;

  constructor(reportingCurrency: string) {
    this.rates = createRates(reportingCurrency);
    this.facts = {
      workspaceId: null,
      name: null,
      reportingCurrency,
      clock: 'log',
      zone: 'UTC',
      zoneVersion: 0,
      offsets: UTC,
      zones: [],
      rezoned: 0,
      rates: [],
      churn: [],
      problems: [],
    };
  }

  /** 'unknown': the fact is of a newer version. */
  apply(seq: number, fact: Fact): Stale | 'unknown' {
    const { facts } = this;
    switch (fact.type) {
      case 'workspace.created':
        facts.workspaceId = fact.workspaceId;
        facts.name = fact.name;
        facts.zone = fact.zone;
        return this.#report(seq, fact.reportingCurrency);
      case 'currency.set':
        return this.#report(seq, fact.reportingCurrency);
      case 'clock.set':
        facts.clock = fact.mode;
        return 'none';
      case 'zone.set':
        facts.zone = fact.zone;
        facts.zoneVersion = fact.version;
        facts.offsets = fact.offsets;
        facts.zones.push({ seq, version: fact.version, zone: fact.zone, offsets: fact.offsets });
        return 'none';
      case 'ledger.rezoned':
        facts.rezoned = Math.max(facts.rezoned, fact.version);
        // Every day may be another one: whoever reads rows by their last change reads all of them again.
        return 'all';
      case 'fx.rates.set':
        try {
          this.rates.set(fact.day, fact.rates);
        } catch (error) {
          facts.problems.push({ seq, type: fact.type, reason: (error as Error).message });
          return 'none';
        }
        facts.rates = this.rates.list();
        this.ratesAt = seq;
        return 'foreign-money';
      case 'churn.defined': {
        const { type: _, ctlSequence, ...definition } = fact;
        // Overtaken by a later one on its way here, or said again after a crash.
        if (!facts.churn.some((known) => known.definition.kind === fact.kind && known.ctlSequence >= ctlSequence))
          facts.churn.push({ seq, ctlSequence, definition });
        return 'none';
      }
      case 'model.deployed':
      case 'model.canaried':
        // Said again after a crash, or overtaken by a later decision on its way here: the later one stays in force.
        if (this.deployments.some((known) => known.model === fact.model && known.ctlSequence >= fact.ctlSequence))
          return 'none';
        this.deployments.push({
          seq,
          ctlSequence: fact.ctlSequence,
          kind: fact.kind,
          model: fact.model,
          version: fact.version,
          digest: fact.digest,
          at: fact.at,
          percent: fact.type === 'model.deployed' ? 100 : fact.percent,
        });
        return 'none';
      case 'import.started':
      case 'import.finished':
      case 'source.covered':
      case 'dead-letters.replayed':
      case 'customer.linked':
      case 'customer.erased':
        return 'none';
      default:
        this.#unknown(seq, fact);
        return 'unknown';
    }
  }

  /** The log may have been written on by a newer version: said once a type, and the rest goes on. */
  #unknown(seq: number, fact: never): void {
    const { type } = fact as { type: unknown };
    const { problems } = this.facts;
    if (problems.some((problem) => problem.type === String(type))) return;
    problems.push({ seq, type: String(type), reason: 'is a fact of a newer version; start that version to apply it' });
  }

  /** Rates are to the reporting currency, so a new one starts without any. */
  #report(seq: number, currency: string): Stale {
    this.ratesAt = seq;
    if (currency === this.facts.reportingCurrency) return 'none';
    this.facts.reportingCurrency = currency;
    this.facts.rates = [];
    this.rates = createRates(currency);
    return 'all';
  }

  save(): { facts: WorkspaceFacts; deployments: Deployment[] } {
    return { facts: structuredClone(this.facts), deployments: structuredClone(this.deployments) };
  }

  restore(saved: { facts: WorkspaceFacts; deployments: Deployment[] }): void {
    const { zone, zoneVersion, offsets } = saved.facts;
    // A snapshot from before zones had a history knows one.
    const zones = zoneVersion === 0 ? [] : [{ seq: 0, version: zoneVersion, zone, offsets }];
    this.facts = { ...saved.facts, zones: saved.facts.zones ?? zones, rezoned: saved.facts.rezoned ?? 0 };
    this.deployments = saved.deployments;
    this.rates = createRates(saved.facts.reportingCurrency);
    for (const [day, rates] of saved.facts.rates) this.rates.set(day, rates);
  }
}

/** A contractual definition of churn is in force: who has or had a subscription is judged by it, and by no model of purchases. */
export const hasContracts = ({ churn }: Pick<WorkspaceFacts, 'churn'>): boolean =>
  churn.some(({ definition }) => definition.kind === 'contractual');
