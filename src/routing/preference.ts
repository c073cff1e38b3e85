/** What an organization does about the preferred agents of contacts, and where none of them is there (docs/decisions/0042). */
export type PreferredAgents = 'off' | 'next_best' | 'unassigned'

/** Who is to have a conversation before others. */
export interface Preference {
  /** Whom the contact prefers, in order; nobody where the organization does not go by it */
  named: readonly string[]
  /** Those of them who are members of the queue: the others do not count */
  members: readonly string[]
  /** Nobody else is offered it */
  isOnly: boolean
}

export const noPreference: Preference = { named: [], members: [], isOnly: false }

export const preferenceOf = ({
  mode,
  named,
  members,
}: Pick<Preference, 'named' | 'members'> & { mode: PreferredAgents }): Preference =>
  mode === 'off' ? noPreference : { named, members, isOnly: mode === 'unassigned' && members.length > 0 }
