import { useCallback, useEffect, useRef, useState } from 'react';

/** Tells whether an element is on the screen, so that only what is seen is kept fresh. */
export function useInSight() {
  const [isInSight, setInSight] = useState(false);
  const observer = useRef<IntersectionObserver | null>(null);
  const ref = useCallback((element: Element | null) => {
    observer.current?.disconnect();
    observer.current = null;
    if (!element) return;
    observer.current = new IntersectionObserver(([entry]) => {
      setInSight(entry?.isIntersecting ?? false);
    });
    observer.current.observe(element);
  }, []);
  useEffect(() => () => observer.current?.disconnect(), []);
  return { ref, isInSight };
}
