// Every aggregate of the control stream, in plain sight: codec, subjects and documents derive from this list. (What customers did is in events.ts.)
import { type ModelEvent, model } from './model.ts';
import { type RunEvent, run } from './run.ts';
import { type SourceEvent, source } from './source.ts';

export const aggregates = { source, model, run } as const;
export type AggregateName = keyof typeof aggregates;

export type ControlEvent = SourceEvent | ModelEvent | RunEvent;
