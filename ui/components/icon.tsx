// 16 px line icons, decorative: the name of a control is always in words.
const PATHS = {
  home: 'M2.5 7.5 8 3l5.5 4.5M4 6.8V13h8V6.8',
  customers: 'M8 8.2a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM2.8 13.4c.6-2.2 2.6-3.4 5.2-3.4s4.6 1.2 5.2 3.4',
  search: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3l3.2 3.2',
  theme: 'M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11',
  sun: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.8v1.4M8 12.8v1.4M1.8 8h1.4M12.8 8h1.4M3.6 3.6l1 1M11.4 11.4l1 1M12.4 3.6l-1 1M4.6 11.4l-1 1',
  moon: 'M13 9.4A5.4 5.4 0 0 1 6.6 3a5.4 5.4 0 1 0 6.4 6.4z',
  code: 'M5.8 4.5 2.5 8l3.3 3.5M10.2 4.5 13.5 8l-3.3 3.5',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M6.2 3.5v9',
  chart: 'M2.5 2.5v11h11M5 10.5l2.6-3 2.2 1.6 3.2-4.4',
  download: 'M8 2.5v7M5 7l3 3 3-3M3 12.8h10',
  info: 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 7.4v3.4M8 5.2v.1',
  warning: 'M8 2.8 14 13H2zM8 6.8v3M8 11.4v.1',
  lock: 'M4.5 7.3h7v5.9h-7zM5.8 7.3V5.2a2.2 2.2 0 0 1 4.4 0v2.1',
  link: 'M6.8 9.2 9.2 6.8M5.6 7.4 3.9 9.1a2.1 2.1 0 0 0 3 3l1.7-1.7M7.4 5.6l1.7-1.7a2.1 2.1 0 0 1 3 3l-1.7 1.7',
  check: 'M3 8.5l3.2 3.2L13 4.8',
  retry: 'M12.8 6.5A5 5 0 0 0 3.6 6M3.2 9.5a5 5 0 0 0 9.2.5M3.4 3.2V6h2.8M12.6 12.8V10H9.8',
  order: 'M2.2 3h1.6l1.4 6.6h6.6l1.3-4.8H4.4M6 13.1v.1M11 13.1v.1',
  refund: 'M6 4 3 7l3 3M3 7h6.5a3.5 3.5 0 0 1 0 7H7',
  activity: 'M2 8.5h2.6L6.3 4l3 8 1.9-3.5H14',
  subscription: 'M3.5 6A5 5 0 0 1 13 7M12.5 10A5 5 0 0 1 3 9M13 3.5V7H9.5M3 12.5V9h3.5',
  down: 'M4.5 6.5 8 10l3.5-3.5',
  next: 'M6 4l4 4-4 4',
  close: 'M4 4l8 8M12 4l-8 8',
  empty: 'M2.5 9.5 4.3 4h7.4l1.8 5.5v3h-11zM2.5 9.5H6a2 2 0 0 0 4 0h3.5',
  docs: 'M4 2.5h6l2.5 2.5v8.5H4zM6 7h4M6 9.5h4',
  keyboard: 'M2 4.5h12v7H2zM4.5 7h.1M7 7h.1M9.5 7h.1M11.8 7h.1M5 9.4h6',
  jobs: 'M3 3.5h3v3H3zM10 9.5h3v3h-3zM3 9.5h3v3H3zM6 5h3.5v4.5M6 11h4',
  models: 'M8 2.2 13 5v6l-5 2.8L3 11V5zM3 5l5 2.8L13 5M8 7.8v6',
  clock: 'M8 13.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM8 5v3.2l2.2 1.4',
  stop: 'M4.5 4.5h7v7h-7z',
  plus: 'M8 3.5v9M3.5 8h9',
  signin: 'M9 3h4v10H9M2.5 8h7M7 5.5 9.5 8 7 10.5',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, small = false }: { name: IconName; small?: boolean }) {
  return (
    <svg className={small ? 'ico s' : 'ico'} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
