import type { Entry, Proposal } from './types.ts';

/** Index, term, type and id take about so much in a file or on the wire. */
const overheadBytes = 48;
const memberBytes = 64;

/** About what an entry takes: for bounds, not for formats. */
export function entryBytes(entry: Entry | Proposal): number {
  switch (entry.type) {
    case 'command':
      return overheadBytes + entry.data.byteLength;
    case 'register':
      return overheadBytes + entry.nonce.length;
    case 'configuration': {
      const { voters, outgoing, learners } = entry.configuration;
      return overheadBytes + memberBytes * (voters.length + outgoing.length + learners.length);
    }
    case 'noop':
      return overheadBytes;
  }
}
