/** What the policies of a request have to say to the audit log. */
import type { Judgement } from './judge.ts';

/** Of the text of one annotation; Kubernetes cuts off there, too. */
const longestValue = 10 * 1024;
const separator = ', ';

/** Texts of one key, by several bindings or parameters, become one annotation. */
export class AuditAnnotations {
  readonly #texts = new Map<string, Set<string>>();

  add(found: Judgement['annotations']): void {
    for (const [key, text] of Object.entries(found)) {
      const trimmed = text.trim();
      if (trimmed === '') continue;
      const texts = this.#texts.get(key) ?? new Set<string>();
      this.#texts.set(key, texts.add(trimmed.slice(0, longestValue)));
    }
  }

  tell(annotate: (key: string, value: string) => void): void {
    for (const [key, texts] of this.#texts) annotate(key, [...texts].join(separator).slice(0, longestValue));
  }
}
