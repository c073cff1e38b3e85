/** PostgreSQL stores no NUL characters: they are dropped; half a surrogate pair becomes the replacement character. */
export const storable = (text: string): string => text.replaceAll('\0', '').toWellFormed()
