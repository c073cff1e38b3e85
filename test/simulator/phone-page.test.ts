import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { customer, post, smsNumber, startTown, twilioClient, whatsappNumber } from './business.js'

const executablePath = '/usr/bin/chromium'
const mayBeMissing = process.env['CI'] !== 'true'

// Without a browser there is nothing to look at; on CI its absence is a failure.
describe.skipIf(mayBeMissing && !existsSync(executablePath))(
  `the phone page (needs ${executablePath})`,
  () => {
    let town: Awaited<ReturnType<typeof startTown>>
    let browser: Browser

    beforeAll(async () => {
      town = await startTown()
      browser = await chromium.launch({
        executablePath,
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--disable-background-networking',
          '--disable-component-update',
        ],
      })
    })
    afterAll(async () => {
      await browser?.close()
      await town?.stop()
    })

    async function openPage(width: number, height: number): Promise<{ page: Page; problems: string[] }> {
      const page = await browser.newPage({ viewport: { width, height } })
      const problems: string[] = []
      page.on('pageerror', (error) => problems.push(error.message))
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text())
      })
      page.on('request', (request) => {
        if (!/^(data:|http:\/\/127\.0\.0\.1:)/.test(request.url())) problems.push(`foreign: ${request.url()}`)
      })
      await page.goto(town.simulator.url)
      await page.getByRole('heading', { name: smsNumber }).waitFor()
      return { page, problems }
    }

    it('a person texts a business and sees its answer arrive', async () => {
      const { page, problems } = await openPage(1280, 900)

      await page.getByRole('textbox', { name: 'Message', exact: true }).fill('Where is my <b>parcel</b>?')
      await page.getByRole('button', { name: 'Send' }).click()
      const chat = page.getByRole('log')
      await chat.getByText('Where is my <b>parcel</b>?').waitFor()
      await chat.getByText('✓ received').waitFor()
      await twilioClient(town.simulator).messages.create({
        from: smsNumber,
        to: customer,
        body: 'On its way',
      })
      await chat.getByText('On its way').waitFor()
      await chat.getByText('✓✓ delivered').waitFor()

      expect(town.business.calls.at(-1)?.fields).toMatchObject({
        From: customer,
        Body: 'Where is my <b>parcel</b>?',
      })
      expect(problems).toEqual([])
      await page.close()
    })

    it('a person shares a photo and a place on WhatsApp, on a narrow screen', async () => {
      const { page, problems } = await openPage(400, 780)
      const png = Buffer.from(
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
        'base64',
      )

      await page.getByRole('radio', { name: whatsappNumber }).check()
      await page.getByLabel('Photo').setInputFiles({ name: 'box.png', mimeType: 'image/png', buffer: png })
      await page.getByRole('log').getByRole('img', { name: 'box.png' }).waitFor()
      await page.getByRole('button', { name: 'Location' }).click()
      await page.getByRole('log').getByText('Space Needle').waitFor()

      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect(width).toBe(400)
      expect(town.business.calls.at(-1)?.fields).toMatchObject({
        Label: 'Space Needle',
        From: `whatsapp:${customer}`,
      })
      expect(problems).toEqual([])
      await page.close()
    })

    it('the STOP button opts the customer out', async () => {
      const { page } = await openPage(1280, 900)

      await page.getByRole('button', { name: 'STOP' }).click()
      await page.getByRole('log').getByText('successfully been unsubscribed').waitFor()

      const sending = twilioClient(town.simulator).messages.create({
        from: smsNumber,
        to: customer,
        body: 'Hi',
      })
      await expect(sending).rejects.toMatchObject({ code: 21610 })
      await post(town.simulator, '/text', { from: customer, to: smsNumber, text: 'START' })
      await page.close()
    })

    it('a message that the service does not take is marked as not received', async () => {
      const { page } = await openPage(1280, 900)
      town.business.answers.push({ status: 500 }, { status: 500 }, { status: 500 })

      await page.getByRole('textbox', { name: 'Message', exact: true }).fill('Anybody there?')
      await page.keyboard.press('Enter')

      await page.getByText('The service did not take it: 500').waitFor()
      await page.getByText('! not received (500)').waitFor()
      expect(await page.getByText('! not received (500)').count()).toBe(1)
      await page.close()
    })
  },
)
