import { useEffect } from 'react';

/**
 * Tells the page how much of it an on-screen keyboard leaves in sight, for browsers that do not
 * shrink the page by themselves.
 */
export function useVisibleHeight(): void {
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const root = document.documentElement;
    const follow = () => {
      const isCovered = viewport.scale === 1 && viewport.height < window.innerHeight - 1;
      if (isCovered) root.style.setProperty('--visible-height', `${viewport.height}px`);
      else root.style.removeProperty('--visible-height');
    };
    viewport.addEventListener('resize', follow);
    return () => {
      viewport.removeEventListener('resize', follow);
      root.style.removeProperty('--visible-height');
    };
  }, []);
}
