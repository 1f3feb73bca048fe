import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  controllerReference,
  daemonSets,
  labelValueProblems,
  type ControllerRevision,
  type DaemonSet,
  type PodTemplateSpec,
} from '../../kube/index.ts';
import type { Action } from '../reconciler/actions.ts';
import {
  planRevision,
  revisionData,
  revisionHash,
  revisionName,
  templateOfRevision,
  trimHistory,
  wantedRevisionName,
} from './index.ts';

const hashLabel = 'controller.kubernetes.io/hash';

function template(image: string): PodTemplateSpec {
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } };
}

function set(image: string, collisionCount?: number): DaemonSet {
  const status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
  return {
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'set-uid',
      annotations: { 'kubernetes.io/change-cause': 'because' },
    },
    spec: { selector: { matchLabels: { app: 'web' } }, template: template(image) },
    ...(collisionCount === undefined ? {} : { status: { ...status, collisionCount } }),
  };
}

function revision(
  image: string,
  number: number,
  more: Partial<ControllerRevision['metadata']> = {},
): ControllerRevision {
  return {
    metadata: {
      name: `web-${image}`,
      namespace: 'default',
      uid: `uid-${image}`,
      labels: { app: 'web' },
      ownerReferences: [controllerReference(set(image), daemonSets)],
      ...more,
    },
    data: revisionData(template(image)),
    revision: number,
  };
}

const brief = (actions: readonly Action[]): string[] =>
  actions.map((action) => {
    const object = (action.do === 'update' ? action.next : 'object' in action ? action.object : undefined) as
      | ControllerRevision
      | undefined;
    return `${action.do} ${object?.metadata.name} ${object?.revision} (${action.cause.code})`;
  });
const planned = (owner: DaemonSet, revisions: ControllerRevision[], atName?: ControllerRevision) =>
  planRevision(owner, daemonSets, hashLabel, { revisions, atName });

describe('the revision of the present template', () => {
  it('is none that was made by hand with a name that no label can hold', () => {
    const byHand = revision('b', 7, { name: 'x'.repeat(64) });
    const { newest, actions } = planned(set('b'), [byHand]);
    expect(labelValueProblems(newest?.metadata.name ?? '')).toEqual([]);
    expect(brief(actions)).toEqual([`create ${wantedRevisionName(set('b'))} 8 (NewTemplate)`]);
  });

  it('is made when there is none, numbered after the newest, found by kubectl', () => {
    const owner = set('b');
    const { newest, actions } = planned(owner, [revision('a', 4)]);
    const name = wantedRevisionName(owner);
    expect(brief(actions)).toEqual([`create ${name} 5 (NewTemplate)`]);
    expect(newest).toEqual({
      metadata: {
        name,
        namespace: 'default',
        labels: { app: 'web', [hashLabel]: name.slice('web-'.length) },
        annotations: { 'kubernetes.io/change-cause': 'because' },
        ownerReferences: [controllerReference(owner, daemonSets)],
      },
      data: { spec: { template: { ...template('b'), $patch: 'replace' } } },
      revision: 5,
    });
  });

  it('is the one that is there', () => {
    expect(planned(set('b'), [revision('a', 1), revision('b', 2)])).toMatchObject({
      newest: { metadata: { name: 'web-b' } },
      actions: [],
    });
  });

  it('after a roll-back is the old one with a new number', () => {
    const { newest, actions } = planned(set('a'), [revision('a', 1), revision('b', 2)]);
    expect(newest).toMatchObject({ metadata: { name: 'web-a' }, revision: 3 });
    expect(brief(actions)).toEqual(['update web-a 3 (TemplateRestored)']);
  });

  it('waits for another name when its name is taken', () => {
    const taken = revision('x', 1, { ownerReferences: [] });
    expect(planned(set('b'), [], taken)).toEqual({ newest: undefined, revisions: [], actions: [] });
    expect(wantedRevisionName(set('b', 1))).not.toBe(wantedRevisionName(set('b')));
  });

  it('is adopted when it matches and nobody controls it, and numbered later', () => {
    const orphan = revision('a', 1, { ownerReferences: [] });
    const { newest, actions } = planned(set('a'), [orphan, revision('b', 2)]);
    expect(newest).toMatchObject({ metadata: { name: 'web-a' } });
    expect(brief(actions)).toEqual(['update web-a 1 (SelectorMatches)']);
    const stranger = revision('a', 1, { ownerReferences: [], labels: { app: 'other' } });
    expect(brief(planned(set('a'), [stranger]).actions)).toEqual([expect.stringContaining('create')]);
  });
});

describe('history', () => {
  const revisions = [revision('d', 4), revision('a', 1), revision('c', 3), revision('b', 2)];
  it('keeps the newest ones of those that nothing needs', () => {
    const live = new Set(['web-d', 'web-a']);
    const trimmed = (limit: number): string[] =>
      brief(trimHistory(revisions, limit, ({ metadata }) => live.has(metadata.name ?? '')));
    expect(trimmed(2)).toEqual([]);
    expect(trimmed(1)).toEqual(['delete web-b 2 (HistoryLimit)']);
    expect(trimmed(0)).toEqual(['delete web-b 2 (HistoryLimit)', 'delete web-c 3 (HistoryLimit)']);
  });
});

describe('names and data', () => {
  it('give the template back', () => {
    expect(templateOfRevision(revision('a', 1))).toEqual(template('a'));
    expect(templateOfRevision({ ...revision('a', 1), data: { spec: 'nonsense' } })).toBeUndefined();
  });

  it('do not depend on the order of fields', () => {
    const turned: PodTemplateSpec = {
      spec: { containers: [{ image: 'a', name: 'main' }] },
      metadata: { labels: { app: 'web' } },
    };
    expect(revisionHash(turned, 0)).toBe(revisionHash(template('a'), 0));
    expect(revisionHash(template('b'), 0)).not.toBe(revisionHash(template('a'), 0));
  });

  it('are values of labels, however long the name of the owner is', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,120}[a-z0-9])?$/);
    fc.assert(
      fc.property(label, (name) => {
        const of = revisionName(name, revisionHash(template('a'), 0));
        expect(labelValueProblems(of)).toEqual([]);
      }),
    );
  });
});
