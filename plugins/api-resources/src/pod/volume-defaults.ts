import type { Volume } from '@timonel/sdk/kube';
import { canonicalQuantity } from '../quantity/canonical.ts';
import { fieldOf, isObject, itemsOf } from '../validation/loose.ts';
import { defaultFieldSources } from './container-defaults.ts';
import { pullPolicyOf } from './image.ts';

// 0644, which JSON can only write in decimal.
const defaultMode = 420;

function defaultModeOf(source: unknown): void {
  if (isObject(source)) source['defaultMode'] ??= defaultMode;
}

function defaultDownwardItems(source: unknown): void {
  for (const item of itemsOf(fieldOf(source, 'items') as unknown[])) defaultFieldSources(item);
}

function defaultProjected(source: Record<string, unknown>): void {
  defaultModeOf(source);
  for (const projection of itemsOf(source['sources'] as unknown[])) {
    const token = fieldOf(projection, 'serviceAccountToken');
    if (isObject(token)) token['expirationSeconds'] ??= 3600;
    defaultDownwardItems(fieldOf(projection, 'downwardAPI'));
  }
}

export function defaultVolume(volume: Volume): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name' && isObject(volume[key]));
  if (sources.length === 0) volume['emptyDir'] = {};
  defaultModeOf(volume['secret']);
  defaultModeOf(volume['configMap']);
  defaultModeOf(volume['downwardAPI']);
  defaultDownwardItems(volume['downwardAPI']);
  if (isObject(volume['projected'])) defaultProjected(volume['projected']);
  if (isObject(volume['hostPath'])) volume['hostPath']['type'] ??= '';
  const emptyDir = volume['emptyDir'];
  if (isObject(emptyDir)) {
    const limit = emptyDir['sizeLimit'];
    if (typeof limit === 'string' || typeof limit === 'number') {
      emptyDir['sizeLimit'] = canonicalQuantity(limit) ?? limit;
    }
  }
  const image = volume['image'];
  if (isObject(image)) image['pullPolicy'] ||= pullPolicyOf(image['reference']);
  const claimSpec = fieldOf(fieldOf(volume['ephemeral'], 'volumeClaimTemplate'), 'spec');
  if (isObject(claimSpec)) claimSpec['volumeMode'] ||= 'Filesystem';
}
