/** Pods that use claims, as the API has them. Many claims of a namespace that go at once share one list of its pods. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { compareResourceVersions } from '@timonel/sdk/controller';
import { pods, type Pod } from '@timonel/sdk/kube';
import { podClaims } from '@timonel/sdk/volumes';

interface Listed {
  readonly namespace: string;
  readonly resourceVersion: string | undefined;
  readonly pods: readonly Pod[];
}

/** No more of the pod than what says whose claims it uses: the list is kept. */
function withoutRest({ metadata, spec: { nodeName, volumes } }: Pod): Pod {
  const { name, uid, deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    },
    spec: {
      containers: [],
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(volumes === undefined ? {} : { volumes }),
    },
  };
}

export class LivePods {
  readonly #api: Pick<ApiClient, 'list'>;
  /** Of one namespace: claims go one by one, or with their namespace. */
  #last: Listed | undefined;
  #coming: { readonly namespace: string; readonly listed: Promise<Listed> } | undefined;

  constructor(api: Pick<ApiClient, 'list'>) {
    this.#api = api;
  }

  /** As they were at the version of a write, or later. */
  async since(namespace: string, resourceVersion: string): Promise<readonly Pod[]> {
    const isLateEnough = (listed: Listed | undefined): listed is Listed =>
      listed?.namespace === namespace && compareResourceVersions(listed.resourceVersion, resourceVersion) >= 0;
    if (isLateEnough(this.#last)) return this.#last.pods;
    if (this.#coming?.namespace === namespace) {
      const listed = await this.#coming.listed;
      if (isLateEnough(listed)) return listed.pods;
    }
    return this.now(namespace);
  }

  /** As they are. */
  async now(namespace: string): Promise<readonly Pod[]> {
    const coming = { namespace, listed: this.#list(namespace) };
    this.#coming = coming;
    try {
      this.#last = await coming.listed;
      return this.#last.pods;
    } finally {
      if (this.#coming === coming) this.#coming = undefined;
    }
  }

  async #list(namespace: string): Promise<Listed> {
    const { metadata, items } = await this.#api.list(pods, { namespace });
    const using = items.filter((pod) => podClaims(pod, pod.metadata.name ?? '').length > 0);
    return { namespace, resourceVersion: metadata.resourceVersion, pods: using.map(withoutRest) };
  }
}
