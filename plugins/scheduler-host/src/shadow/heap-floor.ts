/** Tells what full garbage collections leave: the floor of the heap, which grows when something leaks. */
import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

const isFull = (entry: PerformanceEntry): boolean =>
  (entry as PerformanceEntry & { readonly detail?: { readonly kind?: number } }).detail?.kind ===
  constants.NODE_PERFORMANCE_GC_MAJOR;

/** Returns what ends it. */
export function watchHeapFloor(tell: (bytes: number) => void): () => void {
  const observer = new PerformanceObserver((list) => {
    if (list.getEntries().some(isFull)) tell(getHeapStatistics().used_heap_size);
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}
