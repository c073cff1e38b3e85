/** In which an agent is offered work. */
export const allowedPresences: ReadonlySet<string> = new Set(['available'])
