/** Labels of what we make in containerd: they find it again. */
export const labels = { instance: 'timonel.io/instance', id: 'timonel.io/id' } as const;
/** Annotation that holds, as JSON, what our own statuses tell. */
export const storedAnnotation = 'timonel.io/stored';
