// What people call their columns, by role, the likeliest first; names are compared without case, spaces and punctuation.

export type Role =
  | 'customer'
  | 'time'
  | 'amount'
  | 'quantity'
  | 'price'
  | 'order'
  | 'currencyColumn'
  | 'channel'
  | 'id'
  | 'name'
  | 'start'
  | 'end'
  | 'subscription';

const names = (list: string): readonly string[] => list.split(/\s+/);

const COLUMN_NAMES: Readonly<Record<Role, readonly string[]>> = {
  customer: names(
    `customerid customer customerno customernumber custid cust clientid client userid user buyerid buyer memberid member
     accountid account subscriberid visitorid contactid cardid customernr customercode customerref clientno clientnumber
     memberno membernumber accountno accountnumber shopperid kundennummer kundennr kundenr kdnr kundenid kundeid
     kundenkennung kunde käufer debitor debitornr debitorennummer uid customeremail customeremailaddress customermail
     buyeremail clientemail useremail email emailaddress mail id`,
  ),
  time: names(
    `at time timestamp ts date datetime eventtime eventts eventdate orderedat ordertime orderdate purchasedat purchasetime
     purchasedate transactiontime transactiondate txnts txndate invoicedate invoicetime paidat paymentdate createdat
     createdtime created occurredat processedat saledate soldat purchasedon orderedon dateofpurchase bestelldatum kaufdatum
     rechnungsdatum auftragsdatum belegdatum buchungsdatum zeitpunkt zeit day datum tag`,
  ),
  amount: names(
    `amount total revenue orderamount ordertotal ordervalue grandtotal totalamount totalprice linetotal netamount net
     grossamount gross transactionamount txnamount paid amountpaid payment sales sale spend spent value monetary
     monetaryvalue turnover subtotal amt gesamtbetrag gesamtsumme rechnungsbetrag bestellwert summe betrag bruttobetrag
     nettobetrag brutto netto umsatz`,
  ),
  quantity: names('quantity qty orderquantity units itemcount pieces menge anzahl stück stückzahl'),
  price: names('unitprice price priceperunit itemprice unitcost listprice einzelpreis stückpreis preis'),
  order: names(
    `orderid orderno ordernumber order invoiceno invoiceid invoicenumber invoice transactionid txnid transaction
     receiptid receiptno receipt basketid basket checkoutid ticketid documentno bestellnummer bestellnr bestellid
     auftragsnummer auftragsnr rechnungsnummer rechnungsnr rechnung belegnummer belegnr`,
  ),
  currencyColumn: names('currency currencycode ccy iso4217 waehrung währung'),
  channel: names('channel saleschannel orderchannel utmmedium kanal vertriebskanal'),
  id: names('eventid messageid uuid rowid id'),
  name: names('eventname event eventtype activity activitytype action name type plan product'),
  start: names('startedat start startdate starttime subscribedat begin begindate validfrom createdat created date'),
  end: names('endedat end enddate endtime cancelledat canceledat cancelleddate churnedat churndate validto expiredat'),
  subscription: names('subscriptionid subscription contractid contract policyid membershipid'),
};

export const plainName = (column: string): string => column.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** The unused column that is called most like the role; null when none is. */
export function columnFor(role: Role, header: readonly string[], used: ReadonlySet<string>): string | null {
  const plain = header.map(plainName);
  for (const name of COLUMN_NAMES[role]) {
    const index = plain.findIndex((column, i) => column === name && !used.has(header[i]!));
    if (index >= 0) return header[index]!;
  }
  return role === 'amount' || role === 'price'
    ? (header.find((column) => !used.has(column) && isMoneyInWords(role, column)) ?? null)
    : null;
}

/** What stands beside the name of an amount and does not change what it is. */
const BESIDE = new Set(names('in of incl excl inkl exkl vat tax mwst ust order eur usd gbp chf euro dollar'));

/** 'Summe brutto', 'Order total (EUR, incl. VAT)', 'price_eur': words that name it, and nothing else but what may stand beside them. */
function isMoneyInWords(role: 'amount' | 'price', column: string): boolean {
  const words = column.toLowerCase().match(/\p{L}+/gu) ?? [];
  const amounts = words.filter((word) => COLUMN_NAMES[role].includes(word));
  return amounts.length > 0 && words.every((word) => amounts.includes(word) || BESIDE.has(word));
}

/** The column a user most likely meant; null when nothing is near (more than a third of the letters differ). */
export function nearestColumn(wanted: string, header: readonly string[]): string | null {
  const target = plainName(wanted);
  let best: string | null = null;
  let least = Math.max(1, Math.floor(target.length / 3)) + 1;
  for (const column of header) {
    const name = plainName(column);
    const near = name.length >= 3 && target.length >= 3 && (name.includes(target) || target.includes(name));
    const distance = near ? 1 : editDistance(target, name);
    if (distance < least) {
      least = distance;
      best = column;
    }
  }
  return best;
}

/** Levenshtein distance: insertions, deletions and substitutions between two short texts. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
