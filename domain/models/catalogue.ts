// Every model the platform can fit, in plain sight: training, scoring, the command line and the API read this list.

import * as bgNbd from './bg-nbd.ts';
import { compress } from './compress.ts';
import * as gammaGamma from './gamma-gamma.ts';
import * as mbgNbd from './mbg-nbd.ts';
import * as paretoNbd from './pareto-nbd.ts';

export const models = {
  'bg-nbd': {
    name: 'bg-nbd',
    title: 'BG/NBD: when customers without a contract buy, and whether they still do',
    inputs: ['frequency', 'recency', 'T'],
    compress,
    fit: bgNbd.fit,
    fitCompressed: bgNbd.fitCompressed,
    posterior: bgNbd.posterior,
    expectedPurchasesOfNewCustomer: bgNbd.expectedPurchasesOfNewCustomer,
  },
  'mbg-nbd': {
    name: 'mbg-nbd',
    title: 'MBG/NBD: the same, when many never come back after the first purchase',
    inputs: ['frequency', 'recency', 'T'],
    compress,
    fit: mbgNbd.fit,
    fitCompressed: mbgNbd.fitCompressed,
    posterior: mbgNbd.posterior,
    expectedPurchasesOfNewCustomer: mbgNbd.expectedPurchasesOfNewCustomer,
  },
  'pareto-nbd': {
    name: 'pareto-nbd',
    title: 'Pareto/NBD: the rival of BG/NBD, where customers may leave at any time, not only after a purchase',
    inputs: ['frequency', 'recency', 'T'],
    compress,
    fit: paretoNbd.fit,
    fitCompressed: paretoNbd.fitCompressed,
    posterior: paretoNbd.posterior,
    expectedPurchasesOfNewCustomer: paretoNbd.expectedPurchasesOfNewCustomer,
  },
  'gamma-gamma': {
    name: 'gamma-gamma',
    title: 'Gamma-Gamma: what a purchase is worth',
    inputs: ['frequency', 'monetaryValue'],
    compress: gammaGamma.compressSpend,
    fit: gammaGamma.fit,
    fitCompressed: gammaGamma.fitCompressed,
    expectedSpend: gammaGamma.expectedSpend,
  },
} as const;

export type ModelName = keyof typeof models;

export const isModelName = (name: string): name is ModelName => Object.hasOwn(models, name);
