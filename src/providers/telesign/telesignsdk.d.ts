/** What we use of telesignsdk 3, which has no types of its own. */
declare module 'telesignsdk' {
  namespace TeleSign {
    interface SignedRequest {
      url: string
      method: 'GET' | 'POST'
      headers: Record<string, string>
      body?: string
      /** As given to the constructor, in milliseconds. */
      timeout: number
    }

    interface RequestWrapper {
      /** Performs a signed request. `bodyText` is parsed as JSON and handed to the callback of `execute`. */
      request(
        request: SignedRequest,
        callback: (error: unknown, response: object | null, bodyText: string) => void,
      ): void
    }
  }

  class TeleSign {
    constructor(customerId: string, apiKey: string, restEndpoint: string, timeoutMs: number)
    readonly sms: {
      requestWrapper: TeleSign.RequestWrapper
      execute(
        callback: (error: unknown, body: unknown) => void,
        method: 'GET' | 'POST',
        resource: string,
        fields: Record<string, string> | null,
      ): void
    }
  }

  export = TeleSign
}
