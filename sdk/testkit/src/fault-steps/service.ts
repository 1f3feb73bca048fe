import type { AtStep } from './index.ts';

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { finally?: unknown } | undefined)?.finally === 'function';

/** The same service; the calls that `nameOf` names are steps. */
export function countedService<T extends object>(
  service: T,
  at: AtStep,
  nameOf: (method: string, args: readonly unknown[]) => string | undefined,
): T {
  return new Proxy(service, {
    get(target, key) {
      const method: unknown = Reflect.get(target, key, target);
      if (typeof method !== 'function' || typeof key !== 'string') return method;
      return (...args: unknown[]): unknown => {
        const step = nameOf(key, args);
        if (step === undefined) return Reflect.apply(method, target, args);
        at(step, 'before');
        const answer: unknown = Reflect.apply(method, target, args);
        at(step, 'during');
        return isPromise(answer) ? answer.finally(() => at(step, 'after')) : answer;
      };
    },
  });
}
