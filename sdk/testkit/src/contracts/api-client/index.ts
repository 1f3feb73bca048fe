/** The contract of `api`: every API client passes it, whether the server is in its process or behind HTTPS. */
import { afterAll, beforeAll, describe } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { namespaces } from '@timonel/sdk/kube';
import { describeReads } from './reads.ts';
import { describeWatches } from './watches.ts';
import { describeWrites } from './writes.ts';

/** A client of a running API server with the built-in kinds. */
export interface ApiClientUnderTest {
  readonly client: ApiClient;
  /** Events of a kind that the server keeps for watches that resume: so many writes later, the first one is forgotten. */
  readonly eventHistory: number;
  close(): Promise<void>;
}

/** What the cases share. */
export interface ApiClientBed {
  client(): ApiClient;
  /** A namespace of this suite's own. */
  readonly namespace: string;
  eventHistory(): number;
}

export function apiClientContract(name: string, make: () => Promise<ApiClientUnderTest>): void {
  describe(`API client contract: ${name}`, () => {
    let made: ApiClientUnderTest | undefined;
    const namespace = `contract-${name}`;
    const there = (): ApiClientUnderTest => {
      if (made === undefined) throw new Error('the client under test was not made');
      return made;
    };
    const bed: ApiClientBed = { client: () => there().client, namespace, eventHistory: () => there().eventHistory };

    beforeAll(async () => {
      made = await make();
      await made.client.create(namespaces, { metadata: { name: namespace } });
    });
    afterAll(() => made?.close());

    describeReads(bed);
    describeWrites(bed);
    describeWatches(bed);
  });
}
