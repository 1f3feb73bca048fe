/** Configurations and what describes a snapshot: rare, so MessagePack. */
import type { Configuration, MemberId, SnapshotMeta } from '../raft/index.ts';
import { countField, listField, nameField, textField, tupleField } from './fields.ts';
import { wireLimits } from './limits.ts';
import { malformed } from './malformed.ts';
import { packPlain, unpackPlain } from './message-pack.ts';

/** @throws MalformedError when every member would refuse it */
export function packConfiguration(configuration: Configuration): Buffer {
  const packed = packPlain(toPlain(configuration));
  unpackConfiguration(packed);
  return packed;
}

/** @throws MalformedError, or whatever msgpackr throws */
export function unpackConfiguration(bytes: Buffer): Configuration {
  return configurationField(unpackPlain(bytes));
}

/** @throws MalformedError when every member would refuse it */
export function packSnapshotMeta(meta: SnapshotMeta): Buffer {
  const packed = packPlain([meta.index, meta.term, meta.id, meta.sizeBytes, toPlain(meta.configuration)]);
  unpackSnapshotMeta(packed);
  return packed;
}

/** @throws MalformedError, or whatever msgpackr throws */
export function unpackSnapshotMeta(bytes: Buffer): SnapshotMeta {
  const [index, term, id, sizeBytes, configuration] = tupleField(unpackPlain(bytes), 'the snapshot', 5);
  return {
    index: countField(index, 'the index of the snapshot'),
    term: countField(term, 'the term of the snapshot'),
    id: nameField(id, 'the id of the snapshot', wireLimits.idBytes),
    sizeBytes: countField(sizeBytes, 'the size of the snapshot'),
    configuration: configurationField(configuration),
  };
}

function toPlain({ voters, outgoing, learners, addresses }: Configuration): unknown {
  return [voters, outgoing, learners, Object.entries(addresses)];
}

function configurationField(value: unknown): Configuration {
  const [votersValue, outgoingValue, learnersValue, addressesValue] = tupleField(value, 'the configuration', 4);
  const voters = membersField(votersValue, 'the list of voters');
  const outgoing = membersField(outgoingValue, 'the list of outgoing voters');
  const learners = membersField(learnersValue, 'the list of learners');
  // The core stops for good at a configuration that cannot be one.
  if (voters.length === 0) malformed('a configuration has no voter');
  const voting = new Set([...voters, ...outgoing]);
  if (learners.some((id) => voting.has(id))) malformed('a learner of a configuration is a voter too');
  return { voters, outgoing, learners, addresses: addressesField(addressesValue) };
}

function membersField(value: unknown, what: string): readonly MemberId[] {
  const list = listField(value, what, wireLimits.members);
  const ids = list.map((id) => nameField(id, `a member in ${what}`, wireLimits.idBytes));
  if (new Set(ids).size < ids.length) malformed(`${what} names a member twice`);
  return ids;
}

function addressesField(value: unknown): Readonly<Record<MemberId, string>> {
  const list = listField(value, 'the list of addresses', 3 * wireLimits.members);
  // Own properties, whatever their names.
  return Object.fromEntries(
    list.map((pair) => {
      const [id, address] = tupleField(pair, 'an address', 2);
      return [
        nameField(id, 'the member of an address', wireLimits.idBytes),
        textField(address, 'an address', wireLimits.addressBytes),
      ];
    }),
  );
}
