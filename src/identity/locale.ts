/** Whether it is a name of the IANA time zone database, such as "Europe/Berlin". */
export function isTimeZone(name: string): boolean {
  // Offsets like "+02:00" are no zones: they know no daylight saving
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const countryNames = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })
// Codes that are set aside for groups of countries, tests and "unknown"
const notCountries = new Set(['EU', 'EZ', 'UN', 'QO', 'XA', 'XB', 'ZZ'])

/** Whether it is a country code of ISO 3166-1 alpha-2, such as "US". */
export const isCountry = (code: string): boolean =>
  /^[A-Z]{2}$/.test(code) && !notCountries.has(code) && countryNames.of(code) !== undefined
