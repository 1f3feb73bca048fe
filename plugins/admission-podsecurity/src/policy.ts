/** What the labels of a namespace ask for, over the defaults of the cluster. */
import { Findings, type FieldError } from '@timonel/sdk/kube';
import { levels, nameOf, type Level, type Standard } from './levels.ts';

export type Mode = 'enforce' | 'audit' | 'warn';
export type Policy = Readonly<Record<Mode, Standard>>;
type Labels = Readonly<Record<string, string>>;

export const prefix = 'pod-security.kubernetes.io/';
const modes: readonly Mode[] = ['enforce', 'audit', 'warn'];
const versionForm = /^v1\.(0|[1-9]\d{0,3})$/;

export const isLevel = (text: string | undefined): text is Level => levels.some((level) => level === text);

/** Undefined: it is none. */
export function versionOf(text: string): Standard['version'] | undefined {
  if (text === 'latest' || text === '') return 'latest';
  const minor = versionForm.exec(text)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

function standardOf(mode: Mode, labels: Labels, otherwise: Standard): Standard {
  const level = labels[`${prefix}${mode}`];
  const version = labels[`${prefix}${mode}-version`];
  return {
    // Of a level that nobody knows: what refuses does it by the strictest one, what only tells says nothing.
    level: isLevel(level)
      ? level
      : level === undefined
        ? otherwise.level
        : mode === 'enforce'
          ? 'restricted'
          : 'privileged',
    version: version === undefined ? otherwise.version : (versionOf(version) ?? 'latest'),
  };
}

/** Warnings are about what is enforced where nothing else is said: who makes those that make pods hears of it. */
export function policyOf(labels: Labels = {}, defaults: Policy): Policy {
  const enforce = standardOf('enforce', labels, defaults.enforce);
  const { [`${prefix}enforce`]: level, [`${prefix}enforce-version`]: version } = labels;
  const likeEnforced = {
    level: isLevel(level) ? level : defaults.warn.level,
    version: version === undefined ? defaults.warn.version : enforce.version,
  };
  return {
    enforce,
    audit: standardOf('audit', labels, defaults.audit),
    warn: standardOf('warn', labels, likeEnforced),
  };
}

/** Nothing can be wrong with a pod. */
export const isOpen = (policy: Policy): boolean => modes.every((mode) => policy[mode].level === 'privileged');

/** `enforce=baseline:latest, warn=restricted:v1.30`: what is not open of it. */
export const textOf = (policy: Policy): string =>
  modes
    .filter((mode) => policy[mode].level !== 'privileged')
    .map((mode) => `${mode}=${nameOf(policy[mode])}`)
    .join(', ');

export function labelProblems(labels: Labels = {}): readonly FieldError[] {
  const found = new Findings();
  for (const mode of modes) {
    const { [`${prefix}${mode}`]: level, [`${prefix}${mode}-version`]: version } = labels;
    if (level !== undefined && !isLevel(level))
      found.invalid(`metadata.labels[${prefix}${mode}]`, level, `must be one of ${levels.join(', ')}`);
    if (version !== undefined && versionOf(version) === undefined)
      found.invalid(`metadata.labels[${prefix}${mode}-version]`, version, 'must be "latest" or "v1.x"');
  }
  return found.all();
}

/** Whether `next` may refuse what `before` did not. */
export function isStricter(next: Standard, before: Standard): boolean {
  if (next.level === 'privileged') return false;
  if (next.version !== before.version) return true;
  return levels.indexOf(next.level) > levels.indexOf(before.level);
}
