// What a training says at its end: one next step, and each sentence once.
import { expect, test } from 'vitest';
import { describeTraining, notesBeside } from '#ops/commands/train.ts';
import type { TrainResult } from '#ops/jobs/train.ts';

const reason = 'BG/NBD could not be told; MBG/NBD answers';
const trained = (changes: Partial<TrainResult> = {}) =>
  ({
    kind: 'clv',
    id: 'clv_model@3',
    digest: 'ab'.repeat(32),
    deployed: false,
    refused: null,
    customers: 400,
    rivals: { served: 'mbg-nbd', reason },
    ...changes,
  }) as unknown as TrainResult;

test('the step to deploy is named once: by the refusal where there is one', () => {
  expect(describeTraining(trained())).toContain('(axiom47 model deploy clv_model@3)');
  const refused = { code: 'at-boundary', message: 'r stands at the upper bound, so it could be another' };
  expect(describeTraining(trained({ refused }))).toMatch(/^clv_model@3 .* is not in force\n/);
  expect(describeTraining(trained({ refused }))).not.toContain('deploy');
  expect(describeTraining(trained({ deployed: true }))).toContain('is in force\n');
});

test('a note does not repeat the refusal, why this model answers, or another note', () => {
  const note = (message: string) => ({ code: 'x', message });
  const notes = [
    note('r stands at the upper bound'),
    note(`the fit of BG/NBD did not converge; ${reason}`),
    note(reason),
    note('q ≤ 1'),
    note('q ≤ 1'),
  ];
  const said = ['r stands at the upper bound, so it could be another', reason];
  expect(notesBeside(notes, said)).toEqual(['the fit of BG/NBD did not converge', 'q ≤ 1']);
  expect(notesBeside([note('q ≤ 1')], ['', ''])).toEqual(['q ≤ 1']);
});
