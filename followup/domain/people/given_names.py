"""Given names that people go by: which are short or other forms of one name.

A line is one name with its forms, in plain letters. A form may stand in several lines (Bert is
Albert and Robert): two names are akin that share one. Compiled for this product from British and
Irish short forms and from common spellings in Latin letters of names of other scripts.
"""

from __future__ import annotations

from collections import defaultdict

FORMS = """
abdul abdel abdal abdullah abdallah abdulla
abigail abby abbie abi gail
ahmed ahmad ahmet
aidan aiden edan
aisha ayesha aysha aicha
alan allan allen alun al
alasdair alastair alistair alister alisdair allister alexander ally al
albert al bert bertie
alexander alexandra alex alec alexis sandy sasha xander sandra lex oleksandr aleksander
alfred alf alfie fred freddie
alice ally allie alicia
alison allison ali ally
amanda mandy manda
andrew andy drew andrei andrzej andrea
angela angie ange
ann anne anna annie hannah nan nancy annette anya
anthony antony tony ant anton antoni
arjun arjan
arthur art artie
barbara barb babs barbie bab
bartholomew bart barry
benjamin ben benny benji
bernard bernie bern
bridget bridie biddy brigid bride
callum calum
caroline carol carolyn carrie carolina
catherine katherine kathryn catharine katharine kathleen cathy kathy kate katie katy kit \
kitty cath kath kay caitlin katarzyna kasia
cecilia cecily cissy celia sheila
charles charlie chas chuck chaz karl carl
charlotte lottie charlie lotty char
christine christina chris chrissie tina kirsty kristina krystyna
christopher chris kit topher christy krzysztof kris
ciara kiera keira ciera
ciaran kieran kieron keiran
claire clare clair
clifford cliff
connor conor
constance connie
cynthia cindy
daniel dan danny
david dave davey davy dai dafydd taffy dawid
deborah debora debra debbie deb debs
dennis denis denny den
derek derrick deryck del
dermot diarmuid diarmaid
dominic dominick dom nick
donald don donnie
dorothy dorothea dot dottie dolly dora thea
douglas doug dougie
edith edie
edmund ed eddie ned ted
edward ed eddie ned ted teddy ward
eileen aileen ellen
eleanor elinor ellen nell nellie ellie nora lena leonora
elizabeth elisabeth elspeth liz lizzie lizzy lisa beth betty bess bessie betsy eliza \
libby elsie lilibet lib elzbieta
emily em emmy millie emma
eoin owen owain eoghan
eric erik erick
ernest ernie
euan ewan ewen eoghan
eugene gene
evelyn eve evie
fatima fatimah fatma fatemeh
florence flo florrie flossie
frances fran francie franny fanny cissie
francis frank frankie fran franciszek
frederick frederic fred freddie freddy rick
gabriel gabe gabriella gaby
gareth gary gaz garry
geoffrey jeffrey geoff jeff
george georgie geordie
georgina georgia georgie gina
gerald gerard gerry jerry ged
gillian jillian jill gill gilly
gladys glad
gordon gordy
graham graeme grahame
gregory greg gregor
gwendoline gwendolyn gwen
gwyneth gwen gwynneth
harold harry hal
harriet harriett hattie harry
hayley haley hailey hayleigh
helen helena ellen nell lena elena
henry harry hal hank henryk
herbert herb bert bertie
hilary hillary hil
hussain hussein husain hossein husayn hosein
ian iain
ibrahim ebrahim abraham abe
isaac ike zac
isabel isobel isabella isabelle bel bella izzy ishbel
jacob jake jakub jacek
jacqueline jacquelyn jackie jacqui jaqueline
james jim jimmy jamie jem jimmie
jane jayne janie janey jenny
janet jan jenny netty
jasmine yasmin yasmeen yasmine jasmin
jean jeannie jeanne jeanette
jennifer jenny jen jenni jennie
jeremy jerry jez jem
jessica jess jessie
joan joanie siobhan
joanna joanne jo johanna
john jack johnny jon jonny johnnie ian sean shaun shane jan
jonathan jonathon johnathan jon jonny john nathan
joseph joe joey jo jozef yusuf youssef yousef
josephine jo josie fina
joshua josh
judith judy judi jude
julia julie juliet jules
karen karin caryn
katrina catriona trina kat
kayleigh kaylee kayley
kenneth ken kenny
khadija khadijah khadeeja
lawrence laurence larry lawrie laurie loz
leanne lianne leeann
leonard len lenny leo
leslie lesley les
lewis louis lew lou louie
lillian lilian lily lil
linda lynda lynne lynn lindy lyn
louise lou louisa lulu
lucy lucinda lucille lu
lynsey lindsay lindsey linsey
magdalena magda madeleine madeline maddy lena
mairi mhairi
malgorzata margaret gosia
marc mark marcus
margaret margery marjorie maggie peggy peg meg megan madge marge margie mags greta daisy \
rita mairead pegeen
maria mary marie maryam mariam miriam may molly polly mae mamie maura maureen moira
martha marty mattie patty
martin marty mart marcin
matilda tilly tilda mattie
matthew mat matt matty mateusz
maurice morris mo
maxwell max maximilian maxine
megan meg meggie
michael mike mick micky mickey mikey michal mikhail mitch
michelle shelley shell michele
mikaela michaela
mildred millie milly
mohammed mohammad muhammad muhammed mohamed mohamad mohd muhamad mehmet mohamud mo md \
muhd mhd mohmed mohammod
mustafa mustapha moustafa
natalie nat natasha nataly
nathaniel nathan nat nate
neil niall neal
niamh neve nieve
nicholas nicolas nick nicky nicholaus mikolaj
nicola nicole nicky nikki nic
nigel nige
norman norm
olive olivia liv ollie
oliver ollie olly
omar umar omer umer
oswald ozzy oz
pamela pam pammy
patricia pat patsy patty tricia trish paddy
patrick pat paddy pat padraig padraic rick
paul paulie pawel
pauline paula polly
penelope penny pen
peter pete piotr petr
philip phillip phil pip filip
philippa pippa pip phil philipa
phoebe pheobe
phyllis phyl phil
priscilla cilla prissy
rachel rachael rach rachelle rae
ralph rafe rolf
raymond ray
rebecca rebekah becky becca beck bex reba
reginald reg reggie rex
rhys reece rees reese
richard dick rick ricky richie rich dickie
robert bob bobby rob robbie bert robin rab rabbie bobbie
roderick rod roddy
rodney rod
roger rodge
roland rowland rollo roly
ronald ron ronnie
rory ruairi ruaridh ruari
rosalind ros roz
rose rosie rosa roisin
rosemary rose rosie romy
rudolf rudolph rudy rudi
russell russ rusty
samantha sam sammy
samuel sam sammy
sandra sandy sandie
sarah sara sally sadie sal
sean shaun shawn
sharon shaz shari
sidney sydney sid syd
simon si simeon szymon
sophia sophie sofia sofie
stanley stan
stephanie steph stefanie steffi
stephen steven steve stevie stefan steph
stuart stewart stu
sukhdeep sukhdip
susan suzanne susanna susannah sue susie suzie suzy sukie zsuzsa
sybil sibyl
sylvia silvia syl
tamara tammy tamsin
terence terrence terry tel
teresa theresa therese terry tess tessa
theodore theo ted teddy
thomas tom tommy thom tomasz tam
timothy tim timmy
tobias toby
tracy tracey traci
valerie val
vanessa nessa nessie
veronica ronnie vera
victor vic
victoria vicky vicki vikki tori vic queenie
vikas vikash
vincent vince vinny vin
virginia ginny ginger
vivian vivien vivienne viv
walter wally walt wat
wilfred wilfrid wilf fred
wilhelmina mina minnie billie
william bill billy will willie liam wil gwilym
winifred winnie freda win fred
yvette evette
yvonne evonne vonnie
zachary zac zack zach zak
zainab zaynab zeinab zeynep
zoe zoey
"""


def _lines_of_each() -> dict[str, frozenset[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for place, line in enumerate(FORMS.split("\n")):
        for form in line.split():
            found[form].add(place)
    return {form: frozenset(places) for form, places in found.items()}


_LINES = _lines_of_each()


def are_forms_of_one(one: str, other: str) -> bool:
    """Say whether two given names in plain letters are forms of one name."""
    return not _LINES.get(one, frozenset()).isdisjoint(_LINES.get(other, ()))
