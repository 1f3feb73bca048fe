import { describe, expect, it } from '@jest/globals';
import { configMaps, pods, type KubeObject } from '../../kube/index.ts';
import type { ActionEvent } from './actions.ts';
import { EventTeller } from './event-teller.ts';

const subject: KubeObject = { metadata: { name: 'a', uid: 'u' } };
const pass = { subjectType: configMaps, subject };

function teller(): { readonly teller: EventTeller; readonly told: string[] } {
  const told: string[] = [];
  const recorder = {
    record: (type: { resource: string }, object: KubeObject, kind: string, reason: string, message: string): void => {
      told.push(`${type.resource}/${object.metadata.name} ${kind} ${reason}: ${message}`);
    },
  };
  return { teller: new EventTeller(recorder), told };
}

describe('events of actions', () => {
  it('are about the subject, or what they name, and may speak of the answer', () => {
    const { teller: events, told } = teller();
    events.tell(
      pass,
      { reason: 'Made', message: ({ metadata }) => `made ${metadata.name}` },
      { metadata: { name: 'b' } },
    );
    const about = { type: pods, object: { metadata: { name: 'p' } } };
    events.tell(pass, { reason: 'Seen', message: 'seen', kind: 'Warning', about }, undefined);
    events.tell({ ...pass, subject: undefined }, { reason: 'Lost', message: 'nobody to tell' }, undefined);
    expect(told).toEqual(['configmaps/a Normal Made: made b', 'pods/p Warning Seen: seen']);
  });

  it('of refused writes are warnings with the reason of the refusal', () => {
    const { teller: events, told } = teller();
    const failure = { reason: 'FailedCreate', message: 'Error creating: ' };
    events.tellRefusal(pass, { reason: 'Made', message: 'made', failure }, 'no quota');
    expect(told).toEqual(['configmaps/a Warning FailedCreate: Error creating: no quota']);
  });

  it('with `once` are told once for each text', () => {
    const { teller: events, told } = teller();
    const event = (once: string): ActionEvent => ({ reason: 'Missed', message: `missed ${once}`, once });
    for (const once of ['1', '1', '2', '2', '1']) events.tell(pass, event(once), undefined);
    expect(told.map((text) => text.split(': ')[1])).toEqual(['missed 1', 'missed 2', 'missed 1']);
  });
});
