// A panel: title, unit, tools, body, foot. Related figures share one panel, parted by hairlines.
import { type ReactNode, useState } from 'react';

export function Panel(props: {
  title: string;
  unit?: ReactNode;
  tools?: ReactNode;
  foot?: ReactNode;
  span?: 'c3' | 'c4' | 'c5' | 'c6' | 'c7' | 'c8' | 'c9' | 'c12';
  className?: string;
  children: ReactNode;
}) {
  return (
    <section className={`panel ${props.span ?? 'c12'} ${props.className ?? ''}`} aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.unit && <span className="u">{props.unit}</span>}
        <span className="sp" />
        {props.tools && <span className="tools">{props.tools}</span>}
      </header>
      <div className="body">{props.children}</div>
      {props.foot && <div className="foot">{props.foot}</div>}
    </section>
  );
}

/** The head of a table. @param names with a class where figures stand below (`r`), or where a narrow screen does without (`hide`). */
export function Heads({ names }: { names: readonly (string | readonly [name: string, className: string])[] }) {
  return (
    <thead>
      <tr>
        {names.map((each) => {
          const [name, className] = typeof each === 'string' ? [each, undefined] : each;
          return (
            <th key={name} scope="col" className={className}>
              {name}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

/** Counts how often a value became another one: as a `key` it starts the fade of that one cell again. */
function useChanges(value: string): number {
  const [seen, setSeen] = useState({ value, changes: 0 });
  if (seen.value !== value) setSeen({ value, changes: seen.changes + 1 });
  return seen.changes;
}

/** A headline figure; its cell fades once when live data change it. */
export function Kpi(props: {
  name: string;
  unit?: string | undefined;
  value: readonly [figure: string, unit: string];
  interval?: ReactNode;
  title?: string;
  /** Off while the reader moves through the past: then every figure changes and none is news. */
  fades?: boolean;
  children?: ReactNode;
}) {
  const [figure, unit] = props.value;
  const changes = useChanges(figure + unit);
  return (
    <div className="kpi" title={props.title}>
      <div className="k">
        {props.name} {props.unit && <span>{props.unit}</span>}
      </div>
      <b className={changes > 0 && props.fades !== false ? 'num flash' : 'num'} key={changes}>
        {figure}
        {unit && <small>{unit}</small>}
      </b>
      <div className="iv">{props.interval ?? '\u00a0'}</div>
      {props.children}
    </div>
  );
}

/** A row of alternatives of which one is on. */
export function Choice<T extends string>(props: {
  label: string;
  options: readonly (readonly [value: T, word: string])[];
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="seg" aria-label={props.label}>
      {props.options.map(([value, word]) => (
        <button
          key={value}
          type="button"
          className={value === props.value ? 'on' : undefined}
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {word}
        </button>
      ))}
    </fieldset>
  );
}
