import { dnsLabelProblems, type Volume } from '@timonel/sdk/kube';
import type { Findings } from '../validation/findings.ts';
import { fieldOf, isObject, itemsOf, textOf } from '../validation/loose.ts';

/** Fields that a source cannot do without. */
const requiredFields: Readonly<Record<string, string>> = {
  secret: 'secretName',
  configMap: 'name',
  hostPath: 'path',
  persistentVolumeClaim: 'claimName',
  csi: 'driver',
  nfs: 'server',
};

function checkItems(source: unknown, path: string, found: Findings): void {
  for (const [index, item] of itemsOf(fieldOf(source, 'items') as unknown[]).entries()) {
    const at = `${path}.items[${index}]`;
    if (textOf(fieldOf(item, 'key')) === '') found.required(`${at}.key`);
    checkRelativePath(fieldOf(item, 'path'), `${at}.path`, found);
  }
}

function checkRelativePath(value: unknown, path: string, found: Findings): void {
  const text = textOf(value);
  if (text === '') found.required(path);
  if (text.startsWith('/')) found.invalid(path, text, 'must be a relative path');
  if (text.split('/').includes('..')) found.invalid(path, text, "must not contain '..'");
  else if (text.startsWith('..')) found.invalid(path, text, "must not start with '..'");
}

function checkMode(source: unknown, path: string, found: Findings): void {
  const mode = fieldOf(source, 'defaultMode');
  if (typeof mode === 'number' && (mode < 0 || mode > 0o777))
    found.invalid(`${path}.defaultMode`, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
}

function checkSource(name: string, source: unknown, path: string, found: Findings): void {
  const field = Object.hasOwn(requiredFields, name) ? requiredFields[name] : undefined;
  if (field !== undefined && textOf(fieldOf(source, field)) === '') found.required(`${path}.${field}`);
  if (name === 'secret' || name === 'configMap') checkItems(source, path, found);
  if (name === 'secret' || name === 'configMap' || name === 'projected' || name === 'downwardAPI')
    checkMode(source, path, found);
  if (name === 'image')
    found.oneOf(`${path}.pullPolicy`, fieldOf(source, 'pullPolicy'), ['Always', 'IfNotPresent', 'Never'], 'optional');
  if (name === 'hostPath' && textOf(fieldOf(source, 'path')).split('/').includes('..'))
    found.invalid(`${path}.path`, fieldOf(source, 'path'), "must not contain '..'");
}

/** Checks the volumes and answers their names, which mounts may refer to. */
export function checkVolumes(volumes: readonly Volume[] | undefined, path: string, found: Findings): Set<string> {
  const names = new Set<string>();
  for (const [index, item] of itemsOf(volumes).entries()) {
    const at = `${path}[${index}]`;
    const name = textOf(fieldOf(item, 'name'));
    if (name === '') found.required(`${at}.name`);
    else found.problems(`${at}.name`, name, dnsLabelProblems(name));
    if (name !== '' && names.has(name)) found.duplicate(`${at}.name`, name);
    names.add(name);
    const sources = isObject(item) ? Object.keys(item).filter((key) => isObject(item[key])) : [];
    if (sources.length === 0) found.required(at, 'must specify a volume type');
    for (const extra of sources.slice(1)) found.forbidden(`${at}.${extra}`, 'may not specify more than 1 volume type');
    for (const source of sources.slice(0, 1)) checkSource(source, fieldOf(item, source), `${at}.${source}`, found);
  }
  names.delete('');
  return names;
}
