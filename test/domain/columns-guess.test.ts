import { describe, expect, test } from 'vitest';
import { nearestColumn } from '#domain/column-names.ts';
import { guessMapping, type Wish } from '#domain/columns-guess.ts';

const guess = (header: string, rows: string[] = [], wish: Wish = {}) =>
  guessMapping(
    header.split(','),
    rows.map((row) => row.split(',')),
    wish,
    'EUR',
  );
const mapping = (header: string, rows: string[] = [], wish: Wish = {}) => {
  const found = guess(header, rows, wish);
  if (!found.ok) throw new Error(found.reason.message);
  return found.value.mapping;
};
const problem = (header: string, rows: string[] = [], wish: Wish = {}) => {
  const found = guess(header, rows, wish);
  return found.ok ? 'accepted' : found.reason.message;
};

describe('guessing columns', () => {
  test.each([
    ['customer_id,date,cds,amount', { customer: 'customer_id', time: 'date', amount: 'amount', order: null }],
    ['master_customer_id,customer_id,date,cds,amount', { customer: 'customer_id', time: 'date', amount: 'amount' }],
    ['cust,date', { customer: 'cust', time: 'date', amount: null }],
    ['date,id', { customer: 'id', time: 'date', id: null }],
    [
      'InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID',
      {
        customer: 'CustomerID',
        time: 'InvoiceDate',
        amount: null,
        quantity: 'Quantity',
        price: 'UnitPrice',
        order: 'InvoiceNo',
      },
    ],
    [
      'Order ID,User ID,Created At,Grand Total,Currency,Sales Channel',
      {
        customer: 'User ID',
        time: 'Created At',
        amount: 'Grand Total',
        order: 'Order ID',
        currencyColumn: 'Currency',
        channel: 'Sales Channel',
      },
    ],
    ['Kundennr,Datum,Betrag', { customer: 'Kundennr', time: 'Datum', amount: 'Betrag' }],
    [
      'Rechnungs-Nr.,Kunden-Nr.,Rechnungsdatum,Menge,Einzelpreis,Währung',
      {
        customer: 'Kunden-Nr.',
        order: 'Rechnungs-Nr.',
        quantity: 'Menge',
        price: 'Einzelpreis',
        currencyColumn: 'Währung',
      },
    ],
    ['Kundennr,Datum,Summe brutto', { amount: 'Summe brutto' }],
    ['customer,date,Sale ID,Order total (EUR incl. VAT)', { amount: 'Order total (EUR incl. VAT)' }],
    ['customer,date,total items,sale id', { amount: null }],
    ['Name,Customer Email,Created at,Total', { customer: 'Customer Email', time: 'Created at', amount: 'Total' }],
    ['email,order_date,price', { customer: 'email', time: 'order_date', amount: 'price' }],
    ['id,customer,timestamp,total', { customer: 'customer', time: 'timestamp', amount: 'total' }],
  ])('%s', (header, expected) => expect(mapping(header)).toMatchObject(expected));

  test('a time nobody names is found by its values', () => {
    expect(mapping('customer,when exactly,amount', ['1,2026-01-01,5', '1,2026-01-02,5']).time).toBe('when exactly');
  });

  test('refund documents are told by the prefix their negative lines share', () => {
    const rows = ['1,1,5,a', '1,2,5,a', '2,1,5,b', 'C3,-1,5,a', 'C3,-2,5,a', 'C4,-1,5,b', 'A9,-1,5,'];
    const found = guess(
      'InvoiceNo,Quantity,UnitPrice,CustomerID,InvoiceDate',
      rows.map((row) => `${row},2010-12-01`),
    );
    expect(found.ok && found.value.mapping.refundPrefix).toBe('C');
    expect(found.ok && found.value.explanation.join('\n')).toMatch(/begins with C \(3 of 3 sampled negative lines\)/);
    expect(
      mapping('InvoiceNo,Quantity,UnitPrice,CustomerID,InvoiceDate', rows, { refundPrefix: 'none' }).refundPrefix,
    ).toBeNull();
  });

  test('what the user names is not guessed; `none` means none', () => {
    const header = 'customer_id,household,date,amount,net,order_id';
    expect(mapping(header, [], { customer: 'household', amount: 'net', order: 'none' })).toMatchObject({
      customer: 'household',
      amount: 'net',
      order: null,
    });
    expect(mapping(header, [], { amount: 'none' }).amount).toBeNull();
  });

  test('quantity and price named by the user leave a total unread; all three are one too many', () => {
    const header = 'customer,date,amount,quantity,unit_price';
    expect(mapping(header, [], { quantity: 'quantity', price: 'unit_price' })).toMatchObject({
      amount: null,
      quantity: 'quantity',
      price: 'unit_price',
    });
    expect(problem(header, [], { amount: 'amount', quantity: 'quantity', price: 'unit_price' })).toMatch(
      /name one or the other/,
    );
  });

  test('what was refunded beside an order is not read, and that is said', () => {
    const found = guess('Name,Email,Created at,Total,Refunded Amount');
    expect(found.ok && found.value.warnings.join('\n')).toMatch(/^Refunded Amount is not read/m);
    expect(found.ok && found.value.warnings.join('\n')).not.toMatch(/^Name is not read/m);
  });

  test('an unknown column is an error with the columns there are and the nearest', () => {
    const header = 'CustomerID,InvoiceDate,Amount';
    expect(problem(header, [], { customer: 'customer' })).toBe(
      "There is no column 'customer' (--customer). Did you mean 'CustomerID'? Columns there are: CustomerID, InvoiceDate, Amount.",
    );
    expect(problem(header, [], { amount: 'zzzzzz' })).toBe(
      "There is no column 'zzzzzz' (--amount). Columns there are: CustomerID, InvoiceDate, Amount.",
    );
    expect(nearestColumn('amuont', ['CustomerID', 'Amount'])).toBe('Amount');
  });

  test('a currency is a column or a code', () => {
    const header = 'customer,date,amount,cur';
    expect(mapping(header, [], { currency: 'cur' })).toMatchObject({ currencyColumn: 'cur', currency: 'EUR' });
    // Without a code the file's own currency is the default of blank rows, and of a new workspace.
    const rows = ['USD', '', 'gbp', 'usd', 'Taler'].map((code) => `a,2026-01-01,1.00,${code}`);
    expect(mapping(header, rows, { currency: 'cur' })).toMatchObject({ currencyColumn: 'cur', currency: 'USD' });
    expect(mapping(header, [], { currency: 'gbp' })).toMatchObject({ currencyColumn: null, currency: 'GBP' });
    expect(problem(header, [], { currency: 'Taler' })).toMatch(/neither a column nor an ISO 4217 code/);
    const assumed = guess(header);
    expect(assumed.ok && assumed.value.warnings.join()).toMatch(/EUR assumed/);
  });

  test.each([
    ['customer,date,Order total (EUR incl. VAT)', 'EUR'],
    ['customer,date,Order total (USD incl. VAT)', 'USD'],
    ['customer,date,price_gbp', 'GBP'],
    ['customer,date,unitPrice CHF,qty', 'CHF'],
    ['customer,date,Umsatz €', 'EUR'],
    ['customer,date,AMOUNT (PLN)', 'PLN'],
    ['customer,date,amount,shipping_sek', 'SEK'],
    ['customer,date,amount_eur,amount_usd', 'EUR'], // the column that is read decides
  ])('a currency that a column is named after: %s', (header, code) => {
    const rows = ['a,2026-01-01,1.00', 'b,2026-01-02,2.50'];
    const wished = header.includes('Umsatz') || header.includes('unitPrice') ? { amount: header.split(',')[2]! } : {};
    const found = guess(header, rows, wished);
    expect(found.ok && found.value.mapping).toMatchObject({ currency: code, currencyColumn: null });
    expect(found.ok && found.value.explanation.join()).toMatch(`${code} in every row, by the name of the column '`);
    expect(found.ok && found.value.warnings.join()).not.toMatch('assumed');
  });

  test('words beside an amount are no currency, two currencies are none, and what is told wins', () => {
    for (const header of [
      'customer,date,Total all',
      'customer,date,TOP AMOUNT',
      'customer,date,amount,vat_eur,vat_usd',
    ]) {
      const found = guess(header, ['a,2026-01-01,1.00'], { amount: header.split(',')[2]! });
      expect(found.ok && [found.value.mapping.currency, found.value.warnings.join()]).toEqual([
        'EUR',
        expect.stringMatching(/EUR assumed/),
      ]);
    }
    expect(mapping('customer,date,price_usd', [], { currency: 'gbp' })).toMatchObject({ currency: 'GBP' });
    expect(mapping('customer,date,price_usd,currency')).toMatchObject({ currencyColumn: 'currency' });
  });

  test('what cannot be guessed says which option names it', () => {
    expect(problem('when,what')).toMatch(/--customer COL.*Columns there are: when, what/);
    expect(problem('customer,what')).toMatch(/--time COL/);
    expect(problem('ID,frequency,recency,T')).toMatch(/looks like a summary/);
    expect(problem('customer,date,date')).toMatch(/there twice/);
    expect(problem('customer,date,n', [], { quantity: 'n' })).toMatch(/--price COL/);
    expect(problem('customer,date,amount', [], { refundPrefix: 'C' })).toMatch(/--order COL/);
  });

  test('order totals repeated on every line, and odd amounts, are warned about', () => {
    const rows = Array.from({ length: 60 }, (_, i) => `c,2026-01-01,${Math.floor(i / 3)},${10 + Math.floor(i / 3)}`);
    const totals = guess('customer,date,order_id,amount', rows);
    expect(totals.ok && totals.value.warnings.join()).toMatch(/same amount/);
    const commas = guess('customer;date;amount'.replaceAll(';', ','), ['1,2026-01-01,1.5', '1,2026-01-01,x']);
    expect(commas.ok && commas.value.warnings.join()).toMatch(/1 of 2 sampled values of amount/);
  });

  test('money that no name tells is pointed out with the option that names it', () => {
    const said = (header: string, rows: string[], wish: Wish = {}) => {
      const found = guess(header, rows, wish);
      return found.ok ? found.value.warnings.join('\n') : found.reason.message;
    };
    const rows = ['1,2026-01-01,€ 12.50,7,LS-2', '1,2026-01-02,8,9,LS-3'];
    expect(said('customer,date,checkout,items,slip', rows)).toMatch(/if it is checkout, say --amount COL/);
    expect(said('customer,date,checkout,items,slip', rows, { amount: 'none' })).not.toMatch(/--amount/);
  });

  test('amounts written in both ways are not guessed; the warning says what an option would bring', () => {
    const mixed = guessMapping(
      ['customer', 'date', 'amount'],
      ['12,50', '1.234,50', '12.50'].map((amount) => ['a', '2026-01-01', amount]),
      {},
      'EUR',
    );
    expect(mixed.ok && mixed.value.mapping.decimal).toBe('plain');
    expect(mixed.ok && mixed.value.warnings.join('\n')).toMatch(
      /2 of 3 sampled values of amount are no plain decimals.* With --decimal comma it is 1 of them\./,
    );
  });

  test('the explanation names every column, read or not', () => {
    const found = guess('customer,date,amount,note', ['1,2026-01-01,5,x']);
    const text = found.ok ? found.value.explanation.join('\n') : '';
    for (const column of ['customer', 'date', 'amount', 'note']) expect(text).toContain(column);
    expect(text).toMatch(/not read {2}note/);
  });
});
