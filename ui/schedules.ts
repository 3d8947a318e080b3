// Planned jobs as the console asks for them and changes them; when they come, in words; and who may change which.
import { queryOptions } from '@tanstack/react-query';
import type { Permission } from '#domain/access.ts';
import { answer, api } from './client.ts';
import { formOf, isPlannable } from './job-forms.ts';
import { takeIn } from './jobs.ts';
import { queryClient } from './queries.ts';

const list = () => answer(api.api.schedules.$get());
export type Schedule = Awaited<ReturnType<typeof list>>['items'][number];
/** Moments pass by themselves. */
const LOOK_AGAIN_MS = 10_000;
export const schedulesQuery = queryOptions({ queryKey: ['schedules'], queryFn: list, refetchInterval: LOOK_AGAIN_MS });

export const nextQuery = (cron: string, zone: string) =>
  queryOptions({
    queryKey: ['schedules', 'next', cron, zone],
    queryFn: () => answer(api.api.schedules.next.$get({ query: { cron, zone } })),
    staleTime: 60_000,
  });

const readAgain = () => queryClient.invalidateQueries({ queryKey: ['schedules'] });
export interface Plan {
  cron: string;
  zone: string;
  kind: string;
  params: Record<string, unknown>;
}
const one = api.api.schedules[':id'];
export async function plan({ params, ...wanted }: Plan): Promise<Schedule> {
  const made = await answer(api.api.schedules.$post({ json: { ...wanted, params: params as Record<string, never> } }));
  await readAgain();
  return made;
}
export const change = {
  pause: (id: string) => answer(one.pause.$post({ param: { id } })).finally(readAgain),
  resume: (id: string) => answer(one.resume.$post({ param: { id } })).finally(readAgain),
  remove: (id: string) => answer(one.$delete({ param: { id } })).finally(readAgain),
};
/** Its job at once, beside the plan. @returns the job's id. */
export async function runNow(id: string): Promise<string> {
  const job = await answer(one.run.$post({ param: { id } }));
  takeIn(job);
  return job.id;
}

/** What asking for this job needs: of several the first that is lacking. */
export function neededFor(
  { kind, params }: { kind: string; params: Readonly<Record<string, unknown>> },
  has: readonly Permission[],
): Permission {
  // A kind this console does not know is ended by whoever may plan at all.
  if (!isPlannable(kind)) return 'score:read';
  const form = formOf(kind);
  const also = form.fields.flatMap(({ name, needs }) => (needs && params[name] === true ? [needs] : []));
  return [form.needs, ...also].find((each) => !has.includes(each)) ?? form.needs;
}

export const RHYTHMS = [
  ['day', 'Each day'],
  ['workday', 'Monday to Friday'],
  ['week', 'Each week'],
  ['month', 'Each month'],
  ['own', 'As cron says'],
] as const;
export type Rhythm = (typeof RHYTHMS)[number][0];
export const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
export interface When {
  rhythm: Rhythm;
  /** HH:MM. */
  time: string;
  /** 0 = Sunday, as cron counts. */
  weekday: string;
  /** Of the month. */
  day: string;
  cron: string;
}

export function cronOf({ rhythm, time, weekday, day, cron }: When): string {
  if (rhythm === 'own') return cron.trim();
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  const at = `${minute} ${hour}`;
  if (rhythm === 'day') return `${at} * * *`;
  if (rhythm === 'workday') return `${at} * * 1-5`;
  return rhythm === 'week' ? `${at} * * ${weekday}` : `${at} ${day} * *`;
}

const EARLY = { time: '03:00', weekday: '1', day: '1' };
/** The other way: what the form shows of an expression; what it has no words for is shown as it is. */
export function whenOf(cron: string): When {
  const [minute = '', hour = '', day = '', month = '', weekday = '', ...more] = cron.trim().split(/\s+/);
  const own: When = { ...EARLY, rhythm: 'own', cron };
  if (more.length > 0 || month !== '*' || !/^[0-5]?\d$/.test(minute) || !/^([01]?\d|2[0-3])$/.test(hour)) return own;
  const at = { ...EARLY, cron, time: `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}` };
  if (day === '*' && weekday === '*') return { ...at, rhythm: 'day' };
  if (day === '*' && weekday === '1-5') return { ...at, rhythm: 'workday' };
  if (day === '*' && /^[0-6]$/.test(weekday)) return { ...at, rhythm: 'week', weekday };
  if (weekday === '*' && /^([1-9]|[12]\d|3[01])$/.test(day)) return { ...at, rhythm: 'month', day };
  return own;
}

const ordinal = (day: number): string => {
  const last = day % 10;
  const teen = day > 10 && day < 14;
  return `${day}${teen ? 'th' : last === 1 ? 'st' : last === 2 ? 'nd' : last === 3 ? 'rd' : 'th'}`;
};
/** `Each Monday at 04:00`; an expression there are no words for stays as it is. */
export function whenWords(cron: string): string {
  const { rhythm, time, weekday, day } = whenOf(cron);
  switch (rhythm) {
    case 'day':
      return `Each day at ${time}`;
    case 'workday':
      return `Monday to Friday at ${time}`;
    case 'week':
      return `Each ${WEEKDAYS[Number(weekday)]} at ${time}`;
    case 'month':
      return `On the ${ordinal(Number(day))} of each month at ${time}`;
    case 'own':
      return `At ${cron}`;
  }
}

/** `Mon 23 Nov 2026, 03:00 GMT+2`, in the plan's own zone: summer and winter are told apart. */
export const momentIn = (at: string, zone: string): string =>
  new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'shortOffset',
  })
    .format(new Date(at))
    .replace('Sept', 'Sep')
    .replace(/^(\w+),/, '$1')
    .replace('GMT+0', 'UTC');
