/** Events of actions and of statuses, on their way to the recorder. */
import type { KubeObject, ResourceType } from '../../kube/index.ts';
import type { EventRecorder } from '../event-recorder.ts';
import type { ActionEvent } from './actions.ts';

interface About {
  readonly subjectType: ResourceType;
  readonly subject: KubeObject | undefined;
}

const toldLimit = 8192;

export class EventTeller {
  readonly #recorder: Pick<EventRecorder, 'record'>;
  /** What events with `once` said last, by reason and object. */
  readonly #told = new Map<string, string>();

  constructor(recorder: Pick<EventRecorder, 'record'>) {
    this.#recorder = recorder;
  }

  /** `answer`: what the API said to the write that the event is of. */
  tell(pass: About, event: ActionEvent, answer: KubeObject | undefined): void {
    const { reason, message, kind = 'Normal' } = event;
    const text = typeof message === 'string' ? message : message(answer ?? { metadata: {} });
    this.#record(pass, event, { kind, reason, text });
  }

  /** The event of a write that was refused. */
  tellRefusal(pass: About, event: ActionEvent, error: string): void {
    const { reason = event.reason, message = '' } = event.failure ?? {};
    this.#record(pass, event, { kind: 'Warning', reason, text: `${message}${error}` });
  }

  #record(
    { subjectType, subject }: About,
    event: ActionEvent,
    { kind, reason, text }: { kind: 'Normal' | 'Warning'; reason: string; text: string },
  ): void {
    const { type, object } = event.about ?? { type: subjectType, object: subject };
    if (object === undefined) return;
    const isNews = event.once === undefined || this.#isNews(`${object.metadata.uid} ${reason}`, event.once);
    if (isNews) this.#recorder.record(type, object, kind, reason, text);
  }

  #isNews(id: string, once: string): boolean {
    const isNews = this.#told.get(id) !== once;
    this.#told.delete(id);
    this.#told.set(id, once);
    // Beyond the bound the event that was told the longest ago may be told twice.
    if (this.#told.size > toldLimit) this.#told.delete(this.#told.keys().next().value ?? '');
    return isNews;
  }
}
