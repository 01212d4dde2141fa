/** Who has an account. */
import type { Random } from './random.ts'

const first = words(`
  Ada Aisha Alice Amara Amélie André Anna Anton Astrid Ayşe Beatriz Bruno Carla Carlos Chiara Chloé Clara Daniel David
  Deniz Dmitri Elena Elif Emil Emma Erik Esther Eva Farid Fatima Felix Fiona Frida Gabriel Giulia Grace Greta Hana Hannah
  Hugo Ida Ines Ingrid Isabel Ivan Jakob James Jana João Jonas Julia Kai Karim Katarzyna Kofi Laila Lars Lea Leo Lina
  Louis Lucía Luka Magda Malik Marco Maria Marta Mateo Maya Mei Mia Miguel Milan Mira Nadia Nina Noah Nora Olga Oliver
  Omar Oskar Paul Petra Priya Rafael Ravi Robert Rosa Ruth Samir Sara Sofia Søren Tara Theo Tomás Uma Vera Victor Wei
  Yara Yuki Yusuf Zoë Žofia`)

const last = words(`
  Abdi Adeyemi Almeida Andersson Aoki Bakker Barbosa Bauer Becker Bennani Bergman Bianchi Błaszczyk Brandt Byrne Castillo
  Chen Costa Çelik Dahl Diallo Dubois Dvořák Eriksen Fernández Ferrari Fischer Fontaine Forster García Gomes Grau Haddad
  Hansen Hartmann Hoffmann Horvat Ibrahim Ito Ivanova Jansen Jensen Johansson Kaya Keller Khan Kim Klein Kovács Kowalski
  Kruger Laurent Lehmann Lindqvist Lopes Lund Mancini Martin Mensah Meyer Moreau Müller Murphy Nagy Navarro Nguyen Nowak
  Nyström Okafor Olsen Osman Park Pereira Petit Petrov Popescu Quinn Rahman Ramos Ricci Richter Romano Rossi Roux Santos
  Sato Schäfer Schneider Silva Singh Smith Sørensen Steiner Szabó Takahashi Torres Varga Vega Virtanen Vogel Wagner Weber
  Wójcik Yamamoto Yılmaz Zhang Zimmermann`)

// biome-ignore format: a list of words
const trade = [
  'Bäckerei %', 'Bike Repair %', 'Bookshop %', 'Brasserie %', 'Café %', 'Carpentry %', 'Cinema %', 'Farm Shop %', 'Florist %',
  'Garage %', 'Hotel %', 'Optician %', 'Pharmacy %', 'Pizzeria %', 'Print Shop %', 'Ristorante %', 'Tailor %', 'Veterinary %',
  '% & Daughters', '% & Söhne', '% Gardens', '% Plumbing', '% Wines',
]

/** A person nobody else is called like. */
export function personName({ pick }: Random, taken: Set<string>): string {
  return unused(taken, () => `${pick(first)} ${pick(last)}`)
}

/** A business nobody else is called like. */
export function businessName({ pick }: Random, taken: Set<string>): string {
  return unused(taken, () => pick(trade).replace('%', pick(last)))
}

function unused(taken: Set<string>, make: () => string): string {
  for (;;) {
    const name = make()
    if (taken.has(name)) continue
    taken.add(name)
    return name
  }
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/)
}
