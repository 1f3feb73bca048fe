import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PersistentVolume, PersistentVolumeClaim } from '@timonel/sdk/kube';
import { bindCompleted, isOffered, isSetAsideFor, isUsable } from '@timonel/sdk/volumes';
import { claimOf, Cluster, volumeOf, worldOf, type World } from './testing/world.ts';

const sizes = fc.constantFrom('1Gi', '2Gi', '3Gi');
const names = ['a', 'b', 'c', 'd'] as const;

const claims = fc.tuple(
  ...names.map((name) => sizes.map((storage) => claimOf(name, { resources: { requests: { storage } } }))),
);
const volumes = fc
  .array(fc.record({ storage: sizes, aside: fc.option(fc.constantFrom(...names), { nil: undefined, freq: 4 }) }), {
    maxLength: 5,
  })
  .map((list) =>
    list.map(({ storage, aside }, index) =>
      volumeOf(`v${index}`, {
        capacity: { storage },
        ...(aside === undefined ? {} : { claimRef: { namespace: 'x', name: aside } }),
      }),
    ),
  );

/** A pass, by what the caches showed so many writes ago. */
const steps = fc.array(
  fc.record({
    claim: fc.option(fc.constantFrom(...names), { nil: undefined }),
    volume: fc.nat(4),
    lag: fc.nat(6),
    leaves: fc.option(fc.constantFrom(...names), { nil: undefined, freq: 12 }),
  }),
  { maxLength: 40, size: 'max' },
);

/** Claims that say they have a volume have it, and nobody else does. */
function checkSides({ claims: all, volumes: kept }: World): void {
  const holders = new Map<string, string>();
  for (const claim of all.values()) {
    if (claim.metadata.annotations?.[bindCompleted] === undefined) continue;
    const name = claim.spec?.volumeName ?? '';
    expect(holders.get(name)).toBeUndefined();
    holders.set(name, claim.metadata.uid ?? '');
    expect(kept.get(name)?.spec?.claimRef?.uid).toBe(claim.metadata.uid);
  }
}

describe('the binder, by caches that lag', () => {
  it('never gives a volume to two claims, and comes to rest with no claim unbound that a free volume fits', () => {
    fc.assert(
      fc.property(claims, volumes, steps, (asked, offered, moves) => {
        const cluster = new Cluster(worldOf(asked, offered));
        const history: World[] = [cluster.world];
        for (const { claim, volume, lag, leaves } of moves) {
          const seen = history[Math.max(0, history.length - 1 - lag)];
          if (leaves !== undefined) cluster.deleteClaim(`x/${leaves}`);
          else if (claim === undefined) cluster.passOfVolume(`v${volume}`, seen);
          else cluster.passOfClaim(`x/${claim}`, seen);
          checkSides(cluster.world);
          history.push(cluster.world);
        }
        cluster.settle();
        checkSides(cluster.world);
        const before = cluster.writes;
        cluster.settle();
        expect(cluster.writes).toBe(before);
        const fits = (one: PersistentVolume, other: PersistentVolumeClaim): boolean =>
          isUsable(one, other) && (isOffered(one, other) || isSetAsideFor(one, other));
        for (const claim of cluster.world.claims.values()) {
          if (claim.status?.phase === 'Bound') continue;
          expect([...cluster.world.volumes.values()].filter((volume) => fits(volume, claim))).toEqual([]);
        }
      }),
      { numRuns: 400 },
    );
  });
});
