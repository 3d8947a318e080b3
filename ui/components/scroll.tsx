// What is wider than its place scrolls sideways: a shadow at the edge says that there is more, and the keyboard reaches it.
import { type ReactNode, useCallback, useEffect, useState } from 'react';

interface More {
  left: boolean;
  right: boolean;
}
const moreOf = ({ scrollLeft, clientWidth, scrollWidth }: HTMLElement): More => ({
  left: scrollLeft > 1,
  // Zoomed pages scroll by fractions of a pixel.
  right: scrollLeft + clientWidth < scrollWidth - 1,
});

/** @param label of the region, for readers by ear, where it scrolls. */
export function Scroll(props: { label: string; className?: string; children: ReactNode }) {
  const [element, setElement] = useState<HTMLDivElement | null>(null);
  const [more, setMore] = useState<More>({ left: false, right: false });
  const look = useCallback(() => {
    if (!element) return;
    const found = moreOf(element);
    setMore((before) => (before.left === found.left && before.right === found.right ? before : found));
  }, [element]);
  useEffect(() => {
    if (!element) return;
    const observer = new ResizeObserver(look);
    observer.observe(element);
    // Its content may grow while it itself stays as wide as its place.
    for (const child of element.children) observer.observe(child);
    return () => observer.disconnect();
  }, [element, look]);
  const scrolls = more.left || more.right;
  const edges = `${more.left ? ' more-left' : ''}${more.right ? ' more-right' : ''}`;
  return (
    <div className={`edges${edges}`}>
      <div
        ref={setElement}
        className={props.className ? `scroll ${props.className}` : 'scroll'}
        onScroll={look}
        {...(scrolls && { tabIndex: 0, role: 'region', 'aria-label': `${props.label}, scrolls sideways` })}
      >
        {props.children}
      </div>
    </div>
  );
}
