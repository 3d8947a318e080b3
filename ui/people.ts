// Who the log knows decides what can be asked for: what is learned from purchases needs buyers, what is learned from contracts subscribers. A form says
// so, and begins with what there is.
import { useQuery } from '@tanstack/react-query';
import { useMay } from './account.ts';
import type { Field, JobForm, Option, People } from './job-forms.ts';
import { useLive } from './live.ts';
import { type PeopleThere, peopleQuery } from './queries.ts';

/** How many of each. */
export type Known = Readonly<Record<People, number>>;
const CATCH_UP_MS = 5_000;
const LACKS: Record<People, string> = { buyers: 'nobody has bought', subscribers: 'nobody has a subscription' };

/** Of fewer than ten the API says only that there are some. */
export const knownOf = ({ buyers, subscribers }: Pick<PeopleThere, 'buyers' | 'subscribers'>): Known => ({
  buyers: buyers ?? 1,
  subscribers: subscribers ?? 1,
});

/** Who there is mostly nothing else but; null: nobody is known yet. */
export type Kind = People | 'both';
export const kindOf = ({ buyers, subscribers }: Known): Kind | null => {
  if (buyers > 0) return subscribers > 0 ? 'both' : 'buyers';
  return subscribers > 0 ? 'subscribers' : null;
};

/** Undefined until the answer is there, null where there is none. It follows the log. */
export function useKnown(): Known | null | undefined {
  const { counters } = useLive();
  const enabled = useMay('demo:read');
  const { data, isError } = useQuery({
    ...peopleQuery,
    enabled,
    // Where there are both, nothing of it changes any more.
    refetchInterval: ({ state: { data } }) =>
      data && counters && data.seq < counters.seq && (data.buyers === 0 || data.subscribers === 0)
        ? CATCH_UP_MS
        : false,
  });
  return data ? knownOf(data) : isError ? null : undefined;
}

/** The form where only these people are known: what needs others cannot be chosen or is not asked, and it begins with what there is most of. */
export function suited(form: JobForm, known: Known | null): JobForm {
  // Of an empty log nothing can be said; what a training would find says it all.
  if (known === null || known.buyers + known.subscribers === 0) return form;
  const fields = form.fields.filter(({ of }) => of === undefined || known[of] > 0);
  return { ...form, fields: fields.map((field) => suitedField(field, known)) };
}

function suitedField(field: Field, known: Known): Field {
  const { options } = field;
  if (options === undefined || options === 'models') return field;
  const lacking = options.flatMap(([value, , of]) => (of && known[of] === 0 ? [value] : []));
  const more: People = known.subscribers > known.buyers ? 'subscribers' : 'buyers';
  const own = options.find(([value]) => value === field.initial);
  const better =
    own?.[2] === undefined || own[2] === more
      ? undefined
      : (options.find(([, , of]) => of === more) ??
        (known[own[2]] === 0 ? options.find(([value]) => !lacking.includes(value)) : undefined));
  return {
    ...field,
    off: lacking,
    options: options.map((option): Option => {
      const [value, word, of] = option;
      return of && lacking.includes(value) ? [value, `${word} (${LACKS[of]})`, of] : option;
    }),
    ...(better && { initial: better[0] }),
  };
}

/** What cannot be asked for by this form, and why; null: all of it can be. */
export function lackingWords({ without }: JobForm, known: Known | null): string | null {
  if (known === null || without === undefined) return null;
  if (known.buyers === 0 && known.subscribers === 0)
    return 'Nobody here has bought or subscribed yet, so there is nothing to learn from. Import purchases or subscriptions first.';
  if (known.buyers === 0) return without.buyers;
  return known.subscribers === 0 ? without.subscribers : null;
}
