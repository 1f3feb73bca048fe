/** A leadership that changes when told. */
import type { OptionalRef } from '@timonel/sdk';
import type { Leadership } from '@timonel/sdk/contracts/leadership';

export interface LeadershipDouble {
  readonly ref: OptionalRef<Leadership>;
  set(leading: boolean): void;
}

export function aLeadership(leading: boolean = true): LeadershipDouble {
  let leads = leading;
  const listeners = new Set<(leading: boolean) => void>();
  const current: Leadership = {
    leading: () => leads,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    status: () => ({ identity: 'a', holder: 'a', leading: leads, transitions: 0 }),
  };
  return {
    ref: { current, onChange: () => () => undefined },
    set: (next) => {
      leads = next;
      for (const listener of listeners) listener(next);
    },
  };
}
