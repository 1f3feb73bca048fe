/** A volume on a node is the thing that is driven: `<node>/<volume>`. */
export interface Place {
  readonly nodeName: string;
  readonly volumeName: string;
}

export function placeKey(nodeName: string, volumeName: string): string {
  return `${nodeName}/${volumeName}`;
}

/** Undefined: it is no such key, but the name of a VolumeAttachment. */
export function placeOf(key: string): Place | undefined {
  const [nodeName = '', volumeName] = key.split('/');
  return volumeName === undefined ? undefined : { nodeName, volumeName };
}
