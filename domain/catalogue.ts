// Every aggregate of the control stream, in plain sight. (What customers did is in events.ts; import runs are facts of EVT, see envelope.ts.)
import { accessKey } from './access-key.ts';
import { churnDefinition } from './churn-definition.ts';
import { job } from './job.ts';
import { model } from './model.ts';
import { schedule } from './schedule.ts';
import { source } from './source.ts';

export const aggregates = { source, model, churnDefinition, job, schedule, accessKey } as const;
