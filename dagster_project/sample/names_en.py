"""British first names with their short forms, and surnames, most common first."""

# "Full:Short1/Short2"; a name without a colon has no short form.
_FEMALE = """
Olivia:Liv/Livvy Amelia:Millie Emily:Em/Emmy Jessica:Jess Sophie:Soph Charlotte:Lottie/Charlie
Elizabeth:Liz/Beth Katherine:Kate/Kathy Margaret:Maggie/Peggy Victoria:Vicky/Tori Rebecca:Becky
Jennifer:Jenny/Jen Susan:Sue Deborah:Debbie Patricia:Pat/Trish Christine:Chris/Chrissie
Alexandra:Alex/Sandra Samantha:Sam Hannah Sarah:Sally Laura Lucy Grace Chloe Ella:Ellie
Isabella:Bella/Izzy Mia Freya Ivy Florence:Flo Daisy Poppy Rosie Evelyn:Evie Alice Phoebe
Matilda:Tilly Eleanor:Nell/Ellie Georgina:Georgie Abigail:Abby Megan:Meg Holly Zoe Leah
Jacqueline:Jackie Angela:Angie Michelle:Shelly Nicola:Nicky Tracey Karen Julie Helen Jane
Caroline:Carrie Alison:Ali Fiona Gillian:Gill Heather Lesley Lorraine Maureen:Mo Pamela:Pam
Sandra:Sandy Sheila Theresa:Tess Wendy Yvonne Amanda:Mandy Barbara:Barb Dorothy:Dot/Dotty
Frances:Fran Harriet:Hattie Imogen:Immy Josephine:Jo/Josie Kimberley:Kim Lydia Madeleine:Maddie
Natalie:Nat Penelope:Penny Philippa:Pippa Rachel:Rach Stephanie:Steph Tabitha:Tabby Una
Bronwen Catriona Eilidh Siobhan Niamh Rhiannon Carys Mairi Aisha Fatima Priya Zara
"""

_MALE = """
Oliver:Ollie George Harry Jack Jacob:Jake Thomas:Tom/Tommy James:Jim/Jimmy William:Will/Bill
Robert:Rob/Bob Richard:Rick/Dick Michael:Mike/Mick David:Dave John:Johnny Joseph:Joe
Charles:Charlie/Chas Edward:Ed/Ted Alexander:Alex/Sandy Daniel:Dan/Danny Matthew:Matt
Christopher:Chris Andrew:Andy Anthony:Tony Benjamin:Ben Samuel:Sam Nicholas:Nick
Stephen:Steve Peter:Pete Paul Mark Simon:Si Jonathan:Jon/Jonny Patrick:Paddy/Pat Philip:Phil
Timothy:Tim Gregory:Greg Kenneth:Ken Ronald:Ron Douglas:Doug Gerald:Gerry Leonard:Len/Lenny
Raymond:Ray Francis:Frank Frederick:Fred/Freddie Albert:Bert/Bertie Arthur:Art Henry:Harry/Hal
Walter:Wally Lawrence:Larry Martin:Marty Adam Alan:Al Barry:Baz Brian Callum Cameron:Cam Craig
Darren:Daz Dean Derek:Del Duncan Dylan Ethan Euan Finlay:Fin Gareth:Gaz Gavin Graham Hamish
Hugh Iain Jason:Jase Jeremy:Jez/Jerry Keith Kevin:Kev Liam Luke Malcolm:Mal Neil Nigel:Nige
Noah Oscar Owen Rhys Roger:Rog Ross Rory Ryan Scott Sean Stuart:Stu Terence:Terry Theodore:Theo
Toby Trevor:Trev Vincent:Vince Zachary:Zac Angus Alistair:Ali Dafydd Mohammed:Mo Imran Arjun
"""

_LAST = """
Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker
White Roberts Green Hall Wood Jackson Clarke Harris Clark Lewis Turner Hill Cooper Ward Morris
Moore Martin King Baker Morgan Lee Allen James Scott Watson Parker Edwards Hughes Bennett Young
Phillips Richardson Griffiths Carter Adams Cook Shaw Mitchell Collins Bell Murphy Miller Cox
Richards Marshall Simpson Price Anderson Wilkinson Foster Ellis Murray Chapman Mason Gray Rogers
Webb Hunt Mills Stevens Powell Fisher Gibson Holmes Palmer Barnes Lloyd Matthews Knight Thomson
Barker Butler Fletcher Dixon Reynolds Harrison Saunders Jenkins Russell Andrews Pearson Dunn
Harvey Graham Walsh Reid Fox Payne West Burton Stone Cole Grant Armstrong Spencer Hart Hawkins
Perry Ford Wells Black Francis Rose Owen Bailey Elliott Lane Austin Lawrence Watts Berry Cunningham
Carr Arnold Gardner Bishop Day Newton Oliver Peters Hopkins Gordon Ryan Long Riley Woods Lawson
Barrett Sutton Freeman Gregory Higgins Nicholson Porter Kennedy Crawford Kaur Khan Singh Patel
Ahmed Hussain Ali Begum Shah O'Brien O'Neill O'Connor McDonald McCarthy MacLeod Fraser Cameron
Hamilton Stewart Robertson Campbell Henderson Sinclair Douglas Buchanan Forbes Drummond Pritchard
Bowen Vaughan Parry Gwynne Trevithick Penrose Trelawny Ashworth Bickerstaffe Cartwright Dewhurst
Entwistle Fairclough Greenhalgh Hargreaves Illingworth Jowett Kirkpatrick Longbottom Micklethwaite
Northcott Oldfield Pemberton Quayle Ramsbottom Satterthwaite Thistlewood Underhill Vickers
Wainwright Yardley Abernathy Blackwood Coldwell Dunmore Eastwick Farnsworth Gatewood Haverford
Ingleby Jessop
Kettlewell Lockhart Marchbanks Netherby Ormerod Pickering Rainsford Swinburne Tattersall Upcott
Venables Whitcombe Axford Bramhall Copplestone Dearden Elphick Flitcroft Goddard Holroyd Inskip
Jephson Kershaw Luscombe Mottram Nuttall Osgood Plumley Rowntree Stainforth Tunnicliffe Wrigley
"""


def _parse(text: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    names: list[str] = []
    short: list[tuple[str, ...]] = []
    for item in text.split():
        name, _, shorts = item.partition(":")
        names.append(name)
        short.append(tuple(shorts.split("/")) if shorts else ())
    return tuple(names), tuple(short)


FEMALE, FEMALE_SHORT = _parse(_FEMALE)
MALE, MALE_SHORT = _parse(_MALE)
LAST = tuple(_LAST.split())
