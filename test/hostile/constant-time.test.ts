import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { equalSecrets } from '../../src/lib/tokens.js'

const root = join(import.meta.dirname, '..', '..', 'src')
const secretive = /(secret|token|signature|password|apiKey|credential|hash|digest|hmac)s?$/i
const comparisons = new Set([
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
])

/** Sources of what runs in production. */
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !/^(db\/generated|simulator|bench)[\\/]/.test(file),
)

/** Comparisons by which the time that an answer takes could tell how much of a secret was guessed. */
function plainComparisons(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isBinaryExpression(node) && comparisons.has(node.operatorToken.kind)) {
      const sides = [node.left, node.right]
      const isSecret = sides.some((side) => secretive.test(side.getText()))
      if (isSecret && !sides.some(isKnown)) found.push(`${file}: ${node.getText()}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** Written in the program, so that there is nothing to guess. */
const isKnown = (side: ts.Expression): boolean =>
  ts.isLiteralExpression(side) ||
  side.kind === ts.SyntaxKind.NullKeyword ||
  side.getText() === 'undefined' ||
  ts.isTypeOfExpression(side)

describe('secrets', () => {
  it('are compared in constant time: nowhere with an operator that stops at the first difference', () => {
    expect(sources.flatMap(plainComparisons)).toEqual([])
    expect(sources.length).toBeGreaterThan(150)
  })

  it('are found by this test where they are', () => {
    const files = sources.filter((file) =>
      /timingSafeEqual|equalSecrets/.test(readFileSync(join(root, file), 'utf8')),
    )

    expect(files.map((file) => file.replaceAll('\\', '/'))).toEqual(
      expect.arrayContaining([
        'lib/tokens.ts',
        'identity/access.ts',
        'messages/media-links.ts',
        'providers/telesign/signature.ts',
      ]),
    )
  })

  it.each([
    ['secret', 'secret', true],
    ['secret', 'secreT', false],
    ['secret', 'secre', false],
    ['', '', true],
    ['', 'x', false],
    ['é', 'e\u0301', false],
  ])('%j and %j are equal: %s', (left, right, expected) => {
    expect(equalSecrets(left, right)).toBe(expected)
  })
})
