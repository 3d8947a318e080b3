// What a fit says about the customers it did not look at (facts §9): silence would make a model of some pass for a model of all.
import type { Diagnostic } from './models/fit.ts';

export interface LeftOut {
  /** The first purchase may lie before the data of a source begin (domain/coverage.ts). */
  leftTruncated: number;
  /** Not signed in, hence nobody's history. */
  anonymous: number;
  /** Left out of the money part only: an amount without a rate into the reporting currency, or beyond any. */
  noRate: number;
}

const people = (n: number) => `${n.toLocaleString('en-US')} customer${n === 1 ? '' : 's'}`;

/** @param taken customers the fit is on. @returns what deserves attention; [] when nobody is left-truncated. */
export function leftOutNotes({ leftTruncated }: LeftOut, taken: number): Diagnostic[] {
  if (leftTruncated === 0) return [];
  return [
    {
      code: 'left-truncated-excluded',
      message: `${people(leftTruncated)} left out, ${people(taken)} taken: the first purchase of those left out lies before, or too soon after, the day the data of a source begin, so they may be older than it shows; \`axiom47 source list\` shows the days, \`axiom47 source set NAME --coverage DATE|complete --burn-in DAYS\` changes them`,
    },
  ];
}
