/** Claims and volumes as the API keeps them, and passes of the binder over them: for tests. */
import type { Action, Outcome } from '@timonel/sdk/controller';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '@timonel/sdk/kube';
import { classNameOf, defaultClassOf, wantsDefaultClass } from '@timonel/sdk/volumes';
import { reconcile as reconcileClaim } from '../claim/reconcile.ts';
import type { ObservedClaim } from '../claim/observed.ts';
import { planStatus as planClaimStatus } from '../claim/status.ts';
import { claimKeyOf } from '../inputs.ts';
import type { ObservedVolume } from '../volume/observed.ts';
import { planStatus as planVolumeStatus, reconcile as reconcileVolume } from '../volume/reconcile.ts';

export interface World {
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim>;
  readonly volumes: ReadonlyMap<string, PersistentVolume>;
  readonly classes: readonly StorageClass[];
}

type Stored = PersistentVolumeClaim | PersistentVolume;

export const now = { nowMs: 0, timestamp: '2026-01-01T00:00:00Z' } as const;

export function observeClaim({ claims, volumes, classes }: World, key: string): ObservedClaim | undefined {
  const claim = claims.get(key);
  if (claim === undefined) return undefined;
  const name = claim.spec?.volumeName ?? '';
  const all = [...volumes.values()];
  return {
    ...now,
    subject: claim,
    named: name === '' ? undefined : volumes.get(name),
    candidates:
      name === ''
        ? all.filter((volume) =>
            volume.spec?.claimRef === undefined
              ? classNameOf(volume) === classNameOf(claim)
              : claimKeyOf(volume) === key,
          )
        : [],
    storageClass: classes.find(({ metadata }) => metadata.name === classNameOf(claim)),
    defaultClass: wantsDefaultClass(claim) ? defaultClassOf(classes) : undefined,
  };
}

export function observeVolume({ claims, volumes }: World, name: string): ObservedVolume | undefined {
  const volume = volumes.get(name);
  if (volume === undefined) return undefined;
  const claim = claims.get(claimKeyOf(volume) ?? '');
  const { uid } = volume.spec?.claimRef ?? {};
  return { ...now, subject: volume, claim: claim?.metadata.uid === uid ? claim : undefined };
}

/** Keeps the objects, each write fenced by the version that the writer saw. */
export class Cluster {
  world: World;
  #version = 1000;
  writes = 0;
  readonly events: string[] = [];

  constructor(world: World) {
    this.world = world;
  }

  put(object: Stored): Stored {
    this.#version += 1;
    this.writes += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    const { namespace, name = '' } = stored.metadata;
    if (namespace === undefined) {
      this.world = { ...this.world, volumes: new Map(this.world.volumes).set(name, stored) };
    } else {
      const claims = new Map(this.world.claims).set(`${namespace}/${name}`, stored);
      this.world = { ...this.world, claims };
    }
    return stored;
  }

  deleteClaim(key: string): void {
    const claims = new Map(this.world.claims);
    claims.delete(key);
    this.world = { ...this.world, claims };
  }

  #current({ metadata: { namespace, name = '' } }: Stored): Stored | undefined {
    return namespace === undefined ? this.world.volumes.get(name) : this.world.claims.get(`${namespace}/${name}`);
  }

  /** Answers what was stored; undefined: refused. */
  #write(seen: Stored, next: Stored): Stored | undefined {
    const current = this.#current(seen);
    if (current === undefined || current.metadata.resourceVersion !== seen.metadata.resourceVersion) return undefined;
    return this.put(next);
  }

  #act(actions: readonly Action[], written: Map<string, Stored>): Pick<Outcome, 'answers' | 'failure'> {
    const answers = new Map<Action, Stored>();
    for (const action of actions) {
      if (action.do === 'event') {
        this.events.push(action.event.reason);
        continue;
      }
      if (action.do !== 'update') throw new Error(`the binder does not ${action.do}`);
      if (action.event !== undefined) this.events.push(action.event.reason);
      const answer = this.#write(action.object, action.next);
      if (answer === undefined)
        return { answers, failure: { action, error: new Error('Conflict'), message: 'Conflict' } };
      answers.set(action, answer);
      written.set(answer.metadata.uid ?? '', answer);
    }
    return { answers };
  }

  passOfClaim(key: string, seen: World = this.world): void {
    const observed = observeClaim(seen, key);
    if (observed?.subject === undefined) return;
    const written = new Map<string, Stored>();
    const outcome = { ...this.#act(reconcileClaim(observed).actions, written), existing: [] };
    const latest = written.get(observed.subject.metadata.uid ?? '') ?? observed.subject;
    const plan = planClaimStatus({ ...observed, subject: latest }, outcome);
    if (plan !== undefined && JSON.stringify(plan.status) !== JSON.stringify(latest.status)) {
      this.#write(latest, { ...latest, status: plan.status });
    }
  }

  passOfVolume(name: string, seen: World = this.world): void {
    const observed = observeVolume(seen, name);
    if (observed?.subject === undefined) return;
    const written = new Map<string, Stored>();
    const outcome = this.#act(reconcileVolume(observed).actions, written);
    const latest = written.get(observed.subject.metadata.uid ?? '') ?? observed.subject;
    const plan = planVolumeStatus({ ...observed, subject: latest }, outcome);
    if (plan !== undefined && JSON.stringify(plan.status) !== JSON.stringify(latest.status)) {
      this.#write(latest, { ...latest, status: plan.status });
    }
  }

  /** Passes over everything until nothing is written any more. Answers the number of rounds. */
  settle(): number {
    for (let round = 1; round <= 20; round += 1) {
      const before = this.writes;
      for (const key of this.world.claims.keys()) this.passOfClaim(key);
      for (const name of this.world.volumes.keys()) this.passOfVolume(name);
      if (this.writes === before) return round;
    }
    throw new Error('the binder does not come to rest');
  }
}

export function claimOf(
  name: string,
  spec: PersistentVolumeClaim['spec'] = {},
  metadata: PersistentVolumeClaim['metadata'] = {},
): PersistentVolumeClaim {
  return {
    metadata: { name, namespace: 'x', uid: `claim-${name}`, resourceVersion: '1', ...metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
    status: { phase: 'Pending' },
  };
}

export function volumeOf(
  name: string,
  spec: PersistentVolume['spec'] = {},
  metadata: PersistentVolume['metadata'] = {},
): PersistentVolume {
  return {
    metadata: { name, uid: `volume-${name}`, resourceVersion: '1', ...metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      hostPath: { path: `/data/${name}` },
      persistentVolumeReclaimPolicy: 'Retain',
      ...spec,
    },
    status: { phase: 'Available' },
  };
}

export function worldOf(
  claims: readonly PersistentVolumeClaim[],
  volumes: readonly PersistentVolume[] = [],
  classes: readonly StorageClass[] = [],
): World {
  return {
    claims: new Map(claims.map((claim) => [`x/${claim.metadata.name ?? ''}`, claim])),
    volumes: new Map(volumes.map((volume) => [volume.metadata.name ?? '', volume])),
    classes,
  };
}
