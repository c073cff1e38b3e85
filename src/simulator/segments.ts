// GSM 03.38: the basic table, and the extension table whose characters count twice.
const gsmText =
  /^[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà^{}\\[~\]|€\f]*$/
const gsmDouble = /[\^{}\\[~\]|€\f]/g

/** How many SMS segments a text makes: 160 and 153 GSM-7 characters, or 70 and 67 UTF-16 units. */
export function countSegments(text: string): number {
  const isGsm = gsmText.test(text)
  const units = isGsm ? text.length + (text.match(gsmDouble)?.length ?? 0) : text.length
  const [single, several] = isGsm ? [160, 153] : [70, 67]
  return units <= single ? 1 : Math.ceil(units / several)
}
