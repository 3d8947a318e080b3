// The worker's side of test/e2e/same-scores.test.ts.
import { parentPort, workerData } from 'node:worker_threads';
import { scoreAnywhere } from './score-anywhere.ts';

parentPort!.postMessage(scoreAnywhere(workerData as string));
